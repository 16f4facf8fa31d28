import { describe, expect, it } from "vitest";
import { byAge, RecentCalls, sumOf } from "../../../src/resilience/breaker/recent-calls.ts";

const T0 = 1_000_000;

describe("the calls of the last ten seconds", () => {
  it("are told by the second in which they ended, the newest first", () => {
    const calls = new RecentCalls();
    calls.count(T0, "failure");
    calls.count(T0 + 999, "success");
    calls.count(T0 + 2_000, "success");
    const taken = calls.take(T0 + 3_500);
    expect(byAge(taken, T0 + 3_500)).toEqual([
      { ok: 0, failed: 0 },
      { ok: 1, failed: 0 },
      { ok: 0, failed: 0 },
      { ok: 1, failed: 1 },
    ]);
    expect(sumOf(taken)).toEqual({ ok: 2, failed: 1 });
    expect(calls.isEmpty(T0 + 3_500)).toBe(true);
  });

  it("are forgotten then, and there are never more than ten seconds of them", () => {
    const calls = new RecentCalls();
    for (let atMs = T0; atMs < T0 + 60_000; atMs += 500) calls.count(atMs, "failure");
    expect(calls.take(T0 + 60_000)).toHaveLength(9);
    calls.count(T0 + 60_000, "failure");
    expect(calls.hasFailures(T0 + 69_999)).toBe(true);
    expect(calls.hasFailures(T0 + 70_000)).toBe(false);
    expect(calls.isEmpty(T0 + 70_000)).toBe(true);
  });

  it("taken back are as old as they were", () => {
    const calls = new RecentCalls();
    calls.count(T0, "failure");
    calls.count(T0 + 1_100, "success");
    const taken = calls.take(T0 + 1_200);
    calls.count(T0 + 1_300, "failure");
    calls.count(T0 + 2_000, "success");
    calls.putBack(taken);
    expect(byAge(calls.take(T0 + 2_000), T0 + 2_000)).toEqual([
      { ok: 1, failed: 0 },
      { ok: 1, failed: 1 },
      { ok: 0, failed: 1 },
    ]);
  });

  it("are not those of a state that has passed", () => {
    const calls = new RecentCalls();
    calls.count(T0, "failure");
    calls.forget();
    expect([calls.isEmpty(T0), calls.hasFailures(T0), calls.take(T0)]).toEqual([true, false, []]);
  });
});
