import { describe, expect, it } from "vitest";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import { jobShards } from "../../../src/history/data/job-shards.ts";
import { confirmationOfState, newUserState } from "../../../src/history/biz/user-state.ts";
import type { ShardRpc } from "../../../src/history/biz/shard-rpc.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";

/** The shards of a cell, every one of which is this object. */
function shardsOver(stub: Partial<ShardRpc>) {
  const directory = new ShardDirectory({
    seedShards: 2,
    askMapping: async () => ({ version: 1, shards: 2, buckets: 0 }),
  });
  return jobShards({
    directory,
    callShard: (_shard, _what, _how, call) => call(stub as ShardRpc, 1_000),
  });
}

/** What an object of the release before says to a method that it doesn't have. */
const unknownMethod = async (): Promise<never> => {
  throw new TypeError('The RPC receiver does not implement the method "settle".');
};

describe("a shard of the release before", () => {
  it("has no state to give, and takes what it doesn't know for done: nothing is confirmed by that", async () => {
    const shards = shardsOver({
      collectStates: unknownMethod,
      confirmStates: unknownMethod,
      settle: unknownMethod,
    });
    expect(await shards.collectStates(0, ["ada"])).toEqual([]);
    await shards.confirmStates(0, [confirmationOfState(newUserState("ada"))]);
    await shards.settle(0, "ada");
  });

  it("hides no other failure", async () => {
    const away = async () => Promise.reject(new TypeError("the object is away"));
    const shards = shardsOver({ collectStates: away, confirmStates: away, settle: away });
    for (const call of [
      shards.collectStates(0, ["ada"]),
      shards.confirmStates(0, [confirmationOfState(newUserState("ada"))]),
      shards.settle(0, "ada"),
    ])
      await expect(call).rejects.toThrow("the object is away");
  });

  it("is woken as ever, and has the others write what it can read", async () => {
    const raised: number[] = [];
    let answers = [{ written: 1, known: LOG_FORMAT }, undefined];
    const shards = shardsOver({
      wake: async () => answers.shift(),
      raiseFormat: async (format) => void raised.push(format),
    });
    await shards.wakeAll();
    expect([answers, raised]).toEqual([[], []]);
    answers = [
      { written: 1, known: LOG_FORMAT },
      { written: LOG_FORMAT, known: LOG_FORMAT },
    ];
    await shards.wakeAll();
    expect(raised).toEqual([LOG_FORMAT]);
  });
});

it("users are settled by the shard that the mapping says, also where another fails", async () => {
  const settled: string[] = [];
  const shards = shardsOver({
    settle: async (userId) => {
      settled.push(userId);
      if (userId === "ada") throw new Error("the shard is away");
    },
  });
  await expect(shards.settleUsers(["ada", "bob", "eve"])).rejects.toThrow("the shard is away");
  expect(settled).toEqual(["ada", "bob", "eve"]);
});

it("records are collected by the format that the job knows", async () => {
  const asked: unknown[] = [];
  const shards = shardsOver({ collect: async (...ask) => (asked.push(ask), []) });
  const key = { userId: "ada", kind: "video", itemId: "m1" };
  await shards.collect(0, [key], 2);
  expect(asked).toEqual([[[key], 2]]);
});
