import { describe, expect, it } from "vitest";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { PushMessage, RealtimePushes } from "../../../src/contracts/realtime-rpc.ts";
import { settledNews } from "../../../src/ledger/data/settled-news.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const SETTLED = { id: "t-1", userId: "ann", amount: 10, settledAtMs: 1_700_000_000_000 };

function setUp(users: RealtimePushes["users"]) {
  const work: Promise<unknown>[] = [];
  const failures: string[] = [];
  const tellSettled = settledNews({
    from: "wallet",
    to: "savings",
    pushes: guardedRpc({ users } as RealtimePushes, testGuard()),
    background: (promise) => void work.push(promise),
    now: Date.now,
    onFailure: (what) => failures.push(what),
  });
  return { tellSettled, failures, done: () => Promise.all(work) };
}

describe("what a ledger tells of a settled transfer", () => {
  it("goes to the user's sockets as op 2003, by no name but theirs", async () => {
    const calls: (readonly unknown[])[] = [];
    const { tellSettled, done } = setUp(async (_ctx: CallContext, ids, { op, body }: PushMessage) => {
      calls.push([ids, op, JSON.parse(new TextDecoder().decode(body))]);
      return { delivered: 1 };
    });
    tellSettled(SETTLED);
    await done();
    const body = {
      transferId: "t-1",
      from: "wallet",
      to: "savings",
      amount: 10,
      settledAt: 1_700_000_000_000,
    };
    expect(calls).toEqual([[["ann"], 2003, body]]);
  });

  it("is tried once, harms nobody where it fails, and has a line then", async () => {
    let calls = 0;
    const { tellSettled, failures, done } = setUp(async () => {
      calls += 1;
      throw new Error("no sockets");
    });
    expect(() => tellSettled(SETTLED)).not.toThrow();
    await done();
    expect([calls, failures]).toEqual([1, ["tell of a settled transfer"]]);
  });

  it("has no line for each user while sockets are left alone", async () => {
    const { tellSettled, failures, done } = setUp(async () => {
      throw new CodedError("CIRCUIT_OPEN", "left alone");
    });
    tellSettled(SETTLED);
    await done();
    expect(failures).toEqual([]);
  });
});
