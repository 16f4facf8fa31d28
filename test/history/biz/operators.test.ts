import { describe, expect, it } from "vitest";
import type { BusStatus } from "../../../src/contracts/history.ts";
import { Cells } from "../../../src/history/biz/cells.ts";
import { Operators } from "../../../src/history/biz/operators.ts";
import type { ShardCall } from "../../../src/history/biz/ports.ts";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import type { ShardRpc } from "../../../src/history/biz/shard-rpc.ts";

/** A cell of so many shards, which notes what it is asked. */
function cellOf(name: string, shards: number, asked: string[], isAway = false) {
  const callShard: ShardCall = (shard, _what, _how, call) => {
    if (isAway) return Promise.reject(new Error(`${name} is away`));
    const note = (what: string) => async () => void asked.push(`${what} ${name} ${shard}`);
    return call(
      {
        flush: note("flush"),
        forgetView: async (userId: string) => (asked.push(`forget ${userId} ${name}`), null),
        status: async () => ({ shard, pending: shard }),
      } as unknown as ShardRpc,
      1_000,
    );
  };
  const directory = new ShardDirectory({
    seedShards: shards,
    askMapping: async () => ({ version: 1, shards }),
  });
  return { name, directory, callShard };
}

function operators(asked: string[], away = "", readBus: (() => Promise<readonly BusStatus[]>) | null = null) {
  const cells = [cellOf("us", 2, asked, away === "us"), cellOf("main", 1, asked, away === "main")];
  const row = (userId: string) => ({
    userId,
    kind: "video",
    itemId: "m1",
    rev: 1,
    rejectedAtMs: 5,
    reason: "why",
    record: "{}",
  });
  const storeOf = (userId: string, database: number, cell?: string) => ({
    ...(cell !== undefined && { cell }),
    database,
    newest: async () => [row(userId)],
    oldest: async () => [row(userId)],
    find: async () => [row(userId)],
    write: async () => undefined,
    refusedAgain: async () => undefined,
  });
  return new Operators({
    cells: new Cells({ parts: new Map(cells.map((cell) => [cell.name, cell])), onUnknown: () => undefined }),
    flushWindowMs: 1_000,
    readFailures: async () => ({ deadLetters: 0, rejected: 0, failures: [] }),
    readBus,
    rejected: [storeOf("ada", 0), storeOf("eve", 1), storeOf("joe", 0, "us")],
  });
}

describe("operators of several cells", () => {
  it("see how far each partition of the bus is read, or that it can't be had, and nothing where there is none", async () => {
    const status = { partition: 0, lag: 3, late: 1 };
    const told: string[] = [];
    const busOf = async (readBus: (() => Promise<readonly BusStatus[]>) | null) =>
      (await operators([], "", readBus).overview((what) => void told.push(what))).bus;
    expect(await busOf(async () => [status])).toEqual([status]);
    expect(await busOf(null)).toBeUndefined();
    expect(told).toEqual([]);
    expect(await busOf(() => Promise.reject(new Error("Kafka is away")))).toBeNull();
    expect(told).toEqual(["bus not read"]);
  });

  it("flush the shards of all of them", async () => {
    const asked: string[] = [];
    expect(await operators(asked).flush()).toEqual({ shards: 3 });
    expect(asked.toSorted()).toEqual(["flush main 0", "flush us 0", "flush us 1"]);
  });

  it("flush the others where one is away, and hear of it", async () => {
    const asked: string[] = [];
    await expect(operators(asked, "main").flush()).rejects.toThrow("main is away");
    expect(asked.toSorted()).toEqual(["flush us 0", "flush us 1"]);
  });

  it("see main's shards as before, then each other cell's with its name", async () => {
    const { shards, cells, mappingVersion } = await operators([]).overview(() => undefined);
    expect(shards).toEqual([
      { shard: 0, pending: 0 },
      { shard: 0, pending: 0, cell: "us" },
      { shard: 1, pending: 1, cell: "us" },
    ]);
    expect([mappingVersion, cells]).toEqual([
      1,
      [
        { cell: "main", mappingVersion: 1, shards: 1 },
        { cell: "us", mappingVersion: 1, shards: 2 },
      ],
    ]);
  });

  it("see the rest while one is away", async () => {
    const told: string[] = [];
    const { shards, cells } = await operators([], "us").overview((what) => void told.push(what));
    expect(shards).toEqual([{ shard: 0, pending: 0 }]);
    expect(cells).toContainEqual({ cell: "us", mappingVersion: null, shards: null });
    expect(told).toEqual(["cell not read"]);
  });

  it("see in which cell, and in which of its databases, a record was set aside", async () => {
    const { items } = await operators([]).rejected({ limit: 10 });
    expect(items.map(({ userId, cell, database }) => [userId, cell, database])).toEqual([
      ["joe", "us", 0],
      ["eve", undefined, 1],
      ["ada", undefined, 0],
    ]);
  });
});
