import { describe, expect, it } from "vitest";
import { ROUTES } from "../../../src/gateway/routes.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { callLimitMs, hadItsTime } from "../../../src/resilience/deadline.ts";

type CallKind = keyof typeof CALL_TIMEOUT_MS;

/** What the outer call needs beside the inner one: its own steps, and the way back. */
const ROOM_MS = 50;

/** Which call runs within which. */
const NESTED: readonly (readonly [inner: CallKind, outer: CallKind])[] = [
  ["shard", "rpc"],
  ["reportShard", "reportRpc"],
  ["cache", "shard"],
  ["database", "shard"],
  ["database", "rpc"],
  ["rpc", "trustPull"],
  ["rpc", "passwordRpc"],
  ["accountDatabase", "sessionRpc"],
  ["sessionRpc", "passwordRpc"],
  ["moneyDatabase", "moneyRpc"],
  ["moneyRpc", "operatorRpc"],
  ["operatorShard", "operatorRpc"],
  ["operatorDatabase", "operatorRpc"],
  ["comet", "room"],
  ["room", "push"],
  ["queue", "operatorShard"],
  ["puller", "operatorShard"],
  ["job", "erasureRpc"],
  ["rpc", "readyCheck"],
  ["readyCheck", "readyCall"],
  ["readyCall", "readyAnswer"],
];

/** Which call a route makes, by the time that the route has. */
const FROM_ROUTES: ReadonlyMap<number, readonly CallKind[]> = new Map([
  [1_000, ["rpc", "reportRpc"]],
  [3_000, ["moneyRpc", "sessionRpc"]],
  [5_000, ["passwordRpc", "operatorRpc", "push"]],
  [20_000, ["operatorRpc"]],
]);

describe("a timeout", () => {
  it.each(NESTED)("of %s leaves room in that of %s", (inner, outer) => {
    expect(CALL_TIMEOUT_MS[outer] - CALL_TIMEOUT_MS[inner]).toBeGreaterThanOrEqual(ROOM_MS);
  });

  it.each([...FROM_ROUTES].flatMap(([timeoutMs, calls]) => calls.map((call) => [timeoutMs, call] as const)))(
    "within a route of %d ms leaves room: %s",
    (timeoutMs, call) => {
      expect(timeoutMs - CALL_TIMEOUT_MS[call]).toBeGreaterThanOrEqual(ROOM_MS);
    },
  );

  it.each(NESTED)(
    "of %s is whole at the start of a call of %s: whoever hangs then has failed",
    (inner, outer) => {
      const timeoutMs = CALL_TIMEOUT_MS[inner];
      const limitMs = callLimitMs({ remainingMs: CALL_TIMEOUT_MS[outer], timeoutMs });
      expect([limitMs, hadItsTime({ limitMs, timeoutMs, isHurried: false })]).toEqual([timeoutMs, true]);
    },
  );

  it("has a row here, and so has each route's time", () => {
    expect(new Set(NESTED.flat())).toEqual(new Set(Object.keys(CALL_TIMEOUT_MS)));
    expect(new Set(ROUTES.map(({ timeoutMs }) => timeoutMs))).toEqual(new Set(FROM_ROUTES.keys()));
  });
});
