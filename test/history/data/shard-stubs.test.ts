import { describe, expect, it } from "vitest";
import { shardStubs } from "../../../src/history/data/shard-stubs.ts";
import { withinTimeOf, withoutDeadline } from "../../../src/platform/call/current-patience.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const now = (): number => 5_000;
const ctx = (remainingMs: number) => ({ requestId: "r", traceparent: "", remainingMs, principal: null });

/** What a shard is told of the time that is left, of a caller with so much of it. */
function toldOf(within: <T>(work: () => T) => T, timeoutMs?: number): Promise<number> {
  const namespace = { idFromName: () => ({}) as DurableObjectId, get: () => ({}) };
  const guard = testGuard({ now, timeoutMs: 350 });
  const callShard = shardStubs({
    namespace,
    guardOf: () => guard,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  return within(() => callShard(3, "ask", { kind: "read" }, async (_stub, remainingMs) => remainingMs));
}

describe("a shard is reached", () => {
  it("by the name it has in its cell, which is made where the cell is", async () => {
    const reached: unknown[] = [];
    const namespace = {
      idFromName: (name: string) => name as unknown as DurableObjectId,
      get: (...call: readonly unknown[]) => (reached.push(call), {}),
    };
    const guardOf = () => testGuard({ now });
    const main = shardStubs({ namespace, guardOf });
    const us = shardStubs({ namespace, guardOf, cell: { name: "us", locationHint: "enam" } });
    for (const call of [main, us]) await call(3, "ask", { kind: "read" }, async () => null);
    expect(reached).toEqual([
      ["shard-3", undefined],
      ["us-3", { locationHint: "enam" }],
    ]);
  });
});

describe("a call of a shard says how much time it has left", () => {
  it("which is its request's, less the way back, and at most the quota", async () => {
    expect(await toldOf((work) => withinTimeOf(ctx(100), now, work))).toBe(95);
    expect(await toldOf((work) => withinTimeOf(ctx(5_000), now, work))).toBe(350);
  });

  it("or what its kind of caller may take, where nobody waits too", async () => {
    expect(await toldOf((work) => withinTimeOf(ctx(5_000), now, work), 4_000)).toBe(4_000);
    expect(await toldOf((work) => withoutDeadline(work), 15_000)).toBe(15_000);
    expect(await toldOf((work) => work(), 15_000)).toBe(15_000);
  });

  it("or what the one has left whose patience is given, whoever's request it is", async () => {
    const namespace = { idFromName: () => ({}) as DurableObjectId, get: () => ({}) };
    const callShard = shardStubs({ namespace, guardOf: () => testGuard({ now, timeoutMs: 350 }) });
    const how = { kind: "write", idempotent: true, patience: { deadlineAtMs: now() + 200 } } as const;
    const told = withinTimeOf(ctx(100), now, () => callShard(3, "ask", how, async (_stub, left) => left));
    expect(await told).toBe(195);
  });
});
