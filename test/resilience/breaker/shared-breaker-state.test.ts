import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  SharedBreakerState,
  type SharedBreakerStateOptions,
  type StoredBreakerState,
  type BreakerReport,
} from "../../../src/resilience/breaker/shared-breaker-state.ts";

const T0 = 1_000_000;
const HOUR_MS = 3_600_000;

const report = (changes: Partial<BreakerReport> = {}): BreakerReport => ({
  reporter: "a",
  ok: 0,
  failed: 0,
  probe: null,
  version: 0,
  ...changes,
});

/** Opened at T0, as version 1. */
function opened(): SharedBreakerState {
  const shared = new SharedBreakerState();
  shared.report(T0, report({ failed: 20 }));
  return shared;
}

const through = (state: StoredBreakerState): StoredBreakerState =>
  JSON.parse(JSON.stringify(state)) as StoredBreakerState;

describe("a closed shared state", () => {
  it("opens when half of at least 20 calls failed, summed over all reporters", () => {
    const shared = new SharedBreakerState();
    expect(shared.report(T0, report({ reporter: "a", ok: 10, failed: 4 }))).toEqual({
      state: "closed",
      version: 0,
      probeLeaseMs: 0,
    });
    expect(shared.report(T0, report({ reporter: "b", failed: 5 }))).toEqual({
      state: "closed",
      version: 0,
      probeLeaseMs: 0,
    });
    expect(shared.view(T0)).toEqual({
      state: "closed",
      version: 0,
      total: 19,
      failures: 9,
      openedAtMs: null,
      probing: null,
    });
    expect(shared.report(T0, report({ reporter: "c", failed: 1 }))).toEqual({
      state: "open",
      version: 1,
      probeLeaseMs: 0,
    });
    expect(shared.view(T0)).toEqual({
      state: "open",
      version: 1,
      total: 20,
      failures: 10,
      openedAtMs: T0,
      probing: null,
    });
  });

  it("does not open on failures of an hour ago", () => {
    const shared = new SharedBreakerState();
    shared.report(T0, report({ failed: 19 }));
    expect(shared.report(T0 + HOUR_MS, report({ failed: 19 })).state).toBe("closed");
  });

  it("does not count what was seen in another state, past or to come", () => {
    const shared = new SharedBreakerState({}, { state: "closed", version: 2 });
    for (const version of [0, 1, 3])
      expect(shared.report(T0, report({ failed: 100, version })).version).toBe(2);
    expect(shared.view(T0).total).toBe(0);
    expect(shared.report(T0, report({ failed: 20, version: 2 })).state).toBe("open");
  });

  it("counts what is told late as of when it happened: what went well half a minute ago hides no failure of now, and an old failure is none of now", () => {
    const seconds = (...calls: readonly (readonly [age: number, ok: number, failed: number])[]) => {
      const recent = Array.from({ length: 10 }, () => ({ ok: 0, failed: 0 }));
      for (const [age, ok, failed] of calls) recent[age] = { ok, failed };
      return recent;
    };
    const dying = new SharedBreakerState();
    dying.report(T0, report({ ok: 60, failed: 20, recent: seconds([0, 0, 20], [8, 60, 0]) }));
    expect(dying.view(T0)).toMatchObject({ state: "closed", total: 80, failures: 20 });
    expect(dying.report(T0 + 1_999, report({ failed: 1 })).state).toBe("closed");
    expect(dying.report(T0 + 2_000, report({ failed: 1 })).state).toBe("open");
    const mended = new SharedBreakerState();
    mended.report(T0, report({ failed: 19, recent: seconds([8, 0, 19]) }));
    expect(mended.report(T0 + 2_000, report({ failed: 1 })).state).toBe("closed");
  });

  it("counts a quiet report for as many as it stands for, its failures once, and believes in no more than ten", () => {
    const shared = new SharedBreakerState();
    shared.report(T0, report({ ok: 10, weight: 2.5 }));
    shared.report(T0, report({ ok: 1, failed: 3, weight: 1_000 }));
    shared.report(T0, report({ ok: 1, weight: -4 }));
    expect(shared.view(T0)).toMatchObject({ total: 39, failures: 3 });
  });

  it("counts ten seconds of a report, however many it tells of", () => {
    const shared = new SharedBreakerState();
    const recent = Array.from({ length: 1_000 }, () => ({ ok: 1, failed: 0 }));
    shared.report(T0, report({ ok: 1_000, recent }));
    expect(shared.view(T0).total).toBe(10);
  });

  it("counts whole calls, none below 0, and a million of a report at most", () => {
    const shared = new SharedBreakerState({ callsMin: 1_000_000 });
    shared.report(T0, report({ ok: 3.9, failed: -5 }));
    shared.report(T0, report({ ok: Number.NaN, failed: Number.NaN }));
    expect(shared.view(T0)).toMatchObject({ total: 3, failures: 0 });
    shared.report(T0, report({ ok: 1_000_001 }));
    shared.report(T0, report({ ok: 1_000_000 }));
    expect(shared.view(T0)).toMatchObject({ total: 2_000_003 });
  });

  it("has nothing to persist for a report that changes nothing", () => {
    const shared = new SharedBreakerState();
    const { state } = shared;
    shared.report(T0, report({ ok: 5, failed: 3, probe: "succeeded" }));
    expect(shared.state).toBe(state);
    expect(state).toEqual({ state: "closed", version: 0 });
  });
});

describe("an open shared", () => {
  it("gives the first lease a second after it opened, to whoever asks first", () => {
    const shared = opened();
    expect(shared.report(T0 + 999, report({ reporter: "a", version: 1 })).probeLeaseMs).toBe(0);
    expect(shared.report(T0 + 1_000, report({ reporter: "b", version: 1 }))).toEqual({
      state: "open",
      version: 1,
      probeLeaseMs: 1_000,
    });
    expect(shared.report(T0 + 1_000, report({ reporter: "a", version: 1 })).probeLeaseMs).toBe(0);
    expect(shared.view(T0 + 1_999)).toMatchObject({ state: "half_open", probing: "b", openedAtMs: T0 });
    expect(shared.view(T0 + 2_000)).toMatchObject({ state: "open", probing: null });
  });

  it("gives no second lease within a second, not even to the holder or after a failed probe", () => {
    const shared = opened();
    shared.report(T0 + 1_000, report({ reporter: "b", version: 1 }));
    expect(
      shared.report(T0 + 1_500, report({ reporter: "b", version: 1, probe: "failed" })).probeLeaseMs,
    ).toBe(0);
    expect(shared.report(T0 + 1_999, report({ reporter: "c", version: 1 })).probeLeaseMs).toBe(0);
    expect(shared.report(T0 + 2_000, report({ reporter: "c", version: 1 })).probeLeaseMs).toBe(1_000);
  });

  it("gives the lease to the same reporter twice running only if it has probed, or five leases later: the first one's answer was lost", () => {
    const shared = opened();
    expect(shared.report(T0 + 1_000, report({ reporter: "slow", version: 1 })).probeLeaseMs).toBe(1_000);
    expect(shared.report(T0 + 2_300, report({ reporter: "slow", version: 1 })).probeLeaseMs).toBe(0);
    expect(shared.report(T0 + 2_400, report({ reporter: "other", version: 1 })).probeLeaseMs).toBe(1_000);
    expect(shared.report(T0 + 3_600, report({ reporter: "slow", version: 1 })).probeLeaseMs).toBe(1_000);
    expect(
      shared.report(T0 + 4_900, report({ reporter: "slow", version: 1, probe: "failed" })).probeLeaseMs,
    ).toBe(1_000);
    expect(shared.report(T0 + 9_899, report({ reporter: "slow", version: 1 })).probeLeaseMs).toBe(0);
    expect(shared.report(T0 + 9_900, report({ reporter: "slow", version: 1 })).probeLeaseMs).toBe(1_000);
  });

  it("does not take another's probe for the holder's", () => {
    const shared = opened();
    shared.report(T0 + 1_000, report({ reporter: "first", version: 1 }));
    shared.report(T0 + 2_000, report({ reporter: "second", version: 1 }));
    shared.report(T0 + 2_100, report({ reporter: "first", version: 1, probe: "failed" }));
    expect(shared.report(T0 + 3_000, report({ reporter: "second", version: 1 })).probeLeaseMs).toBe(0);
  });

  it("is closed by whoever calls without having heard of it, two leases after it opened: an opening from before a stop ends with the first call", () => {
    for (const version of [0, 2, 7]) {
      const restarted = new SharedBreakerState(
        {},
        { state: "open", version: 4, openedAtMs: T0, lease: { holder: "gone", untilMs: T0 + 9_000 } },
      );
      expect(restarted.report(T0 + HOUR_MS, report({ version, ok: 1 }))).toEqual({
        state: "closed",
        version: 5,
        probeLeaseMs: 0,
      });
    }
    expect(opened().report(T0 + 1_999, report({ version: 0, ok: 1 })).state).toBe("open");
    expect(opened().report(T0 + 2_000, report({ version: 0, ok: 1 })).state).toBe("closed");
  });

  it("is closed by whoever has not heard of it a lease later than all have who had reason to ask", () => {
    const unheard = report({ reporter: "quiet", version: 0, ok: 1 });
    expect(opened().report(T0 + 40_999, unheard, 40_000).state).toBe("open");
    expect(opened().report(T0 + 41_000, unheard, 40_000).state).toBe("closed");
  });

  it("is not closed by somebody who calls without having heard of it and fails, or found out nothing", () => {
    expect(opened().report(T0 + HOUR_MS, report({ version: 0, ok: 5, failed: 1 })).state).toBe("open");
    expect(opened().report(T0 + HOUR_MS, report({ version: 0 })).state).toBe("open");
    expect(opened().report(T0 + HOUR_MS, report({ version: 1, ok: 1 })).state).toBe("open");
  });

  it("gives a lease also to a reporter that had not heard of the opening", () => {
    expect(opened().report(T0 + 1_000, report({ reporter: "new", version: 0 })).probeLeaseMs).toBe(1_000);
  });

  it("closes on one succeeded probe, with a new version and an empty window", () => {
    const shared = opened();
    shared.report(T0 + 1_000, report({ version: 1 }));
    expect(shared.report(T0 + 1_100, report({ version: 1, probe: "succeeded", failed: 3 }))).toEqual({
      state: "closed",
      version: 2,
      probeLeaseMs: 0,
    });
    expect(shared.view(T0 + 1_100)).toEqual({
      state: "closed",
      version: 2,
      total: 0,
      failures: 0,
      openedAtMs: null,
      probing: null,
    });
    expect(shared.report(T0 + 1_100, report({ version: 2, failed: 19 })).state).toBe("closed");
  });

  it("closes also when the probe took longer than its lease", () => {
    const shared = opened();
    shared.report(T0 + 1_000, report({ reporter: "slow", version: 1 }));
    shared.report(T0 + 2_000, report({ reporter: "other", version: 1 }));
    expect(
      shared.report(T0 + 2_500, report({ reporter: "slow", version: 1, probe: "succeeded" })).state,
    ).toBe("closed");
  });

  it("neither closes nor counts by late successes and failures", () => {
    const shared = opened();
    shared.report(T0 + 500, report({ version: 0, ok: 1_000, probe: "succeeded" }));
    shared.report(T0 + 500, report({ version: 1, ok: 1_000, failed: 7, probe: "failed" }));
    expect(shared.view(T0 + 500)).toEqual({
      state: "open",
      version: 1,
      total: 20,
      failures: 20,
      openedAtMs: T0,
      probing: null,
    });
  });

  it("does not reopen by failures from before it closed", () => {
    const shared = opened();
    shared.report(T0 + 1_000, report({ version: 1, probe: "succeeded" }));
    for (const version of [0, 1]) shared.report(T0 + 1_100, report({ version, failed: 500 }));
    expect(shared.view(T0 + 1_100)).toMatchObject({ state: "closed", version: 2, total: 0 });
  });

  it("has something to persist at each opening, lease and closing", () => {
    const shared = new SharedBreakerState();
    const states = [shared.state];
    const tell = (atMs: number, changes: Partial<BreakerReport>): void => {
      shared.report(atMs, report(changes));
      if (shared.state !== states.at(-1)) states.push(shared.state);
    };
    tell(T0, { failed: 20 });
    tell(T0 + 500, { version: 1 });
    tell(T0 + 1_000, { version: 1, reporter: "b" });
    tell(T0 + 1_200, { version: 1, reporter: "b", probe: "failed" });
    tell(T0 + 1_500, { version: 1, reporter: "b", probe: "succeeded" });
    expect(states).toEqual([
      { state: "closed", version: 0 },
      { state: "open", version: 1, openedAtMs: T0, lease: null },
      { state: "open", version: 1, openedAtMs: T0, lease: { holder: "b", untilMs: T0 + 2_000 } },
      { state: "closed", version: 2 },
    ]);
  });

  it("keeps no more than a hundred characters of a holder's name", () => {
    const shared = opened();
    shared.report(T0 + 1_000, report({ reporter: "x".repeat(1_000), version: 1 }));
    expect(shared.view(T0 + 1_000).probing).toBe("x".repeat(100));
  });
});

describe("a shared that was killed while open", () => {
  it("is open still, and gives no lease before the last one has ended", () => {
    const shared = opened();
    shared.report(T0 + 1_000, report({ reporter: "b", version: 1 }));
    const restarted = new SharedBreakerState({}, through(shared.state));
    expect(restarted.report(T0 + 1_999, report({ version: 1 }))).toEqual({
      state: "open",
      version: 1,
      probeLeaseMs: 0,
    });
    expect(restarted.view(T0 + 1_999)).toMatchObject({
      state: "half_open",
      probing: "b",
      openedAtMs: T0,
      total: 0,
    });
    expect(restarted.report(T0 + 2_000, report({ version: 1 })).probeLeaseMs).toBe(1_000);
  });

  it("gives the first lease a second after the opening, had it given none", () => {
    const restarted = new SharedBreakerState({}, through(opened().state));
    expect(restarted.report(T0 + 999, report({ version: 1 })).probeLeaseMs).toBe(0);
    expect(restarted.report(T0 + 1_000, report({ version: 1 })).probeLeaseMs).toBe(1_000);
  });

  it("closes on the probe of a holder from before", () => {
    const restarted = new SharedBreakerState({}, through(opened().state));
    expect(restarted.report(T0 + 1_000, report({ version: 1, probe: "succeeded" }))).toMatchObject({
      state: "closed",
      version: 2,
    });
  });

  it("gives a lease within a second even if the clock was set back by an hour meanwhile", () => {
    for (const leaseIsOut of [false, true]) {
      const shared = opened();
      if (leaseIsOut) shared.report(T0 + 1_000, report({ version: 1 }));
      const restarted = new SharedBreakerState({}, through(shared.state));
      const earlierMs = T0 - 900_000;
      restarted.report(earlierMs, report({ version: 1 }));
      restarted.report(earlierMs + 1_000, report({ version: 1 }));
      expect(restarted.view(earlierMs + 1_000).probing).toBe("a");
    }
  });
});

describe("a shared that was killed after it had been open for an hour", () => {
  it("gives a lease within a second even if the clock was set back to a time at which it was open", () => {
    const lease = { holder: "b", untilMs: T0 + HOUR_MS };
    const restarted = new SharedBreakerState({}, { state: "open", version: 1, openedAtMs: T0, lease });
    const earlierMs = T0 + HOUR_MS / 2;
    expect(restarted.report(earlierMs, report({ version: 1 })).probeLeaseMs).toBe(0);
    expect(restarted.report(earlierMs + 1_000, report({ version: 1 })).probeLeaseMs).toBe(1_000);
  });
});

describe("any shared", () => {
  it("never begins two leases within a second, whoever asks what and however often it restarts", () => {
    const step = fc.record({
      waitMs: fc.nat(600),
      reporter: fc.constantFrom("a", "b", "c"),
      ok: fc.nat(5),
      failed: fc.nat(15),
      probe: fc.constantFrom<BreakerReport["probe"]>(null, null, "failed", "succeeded"),
      behind: fc.constantFrom(0, 0, 0, 1, 2),
      restarts: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        let shared = new SharedBreakerState();
        let atMs = T0;
        const leasesAtMs: number[] = [];
        let version = 0;
        for (const { waitMs, behind, restarts, ...rest } of steps) {
          atMs += waitMs;
          if (restarts) shared = new SharedBreakerState({}, through(shared.state));
          const verdict = shared.report(atMs, { ...rest, version: Math.max(0, version - behind) });
          if (verdict.probeLeaseMs > 0) leasesAtMs.push(atMs);
          expect(verdict.state === "closed" && verdict.probeLeaseMs > 0).toBe(false);
          expect([version, version + 1]).toContain(verdict.version);
          version = verdict.version;
        }
        const pausesMs = leasesAtMs.slice(1).map((leaseMs, index) => leaseMs - (leasesAtMs[index] ?? 0));
        expect(Math.min(1_000, ...pausesMs)).toBe(1_000);
      }),
    );
  });

  it("gives leases as long as it is told to", () => {
    const shared = new SharedBreakerState(
      { leaseMs: 300 },
      { state: "open", version: 1, openedAtMs: T0, lease: null },
    );
    expect(shared.report(T0 + 299, report()).probeLeaseMs).toBe(0);
    expect(shared.report(T0 + 300, report()).probeLeaseMs).toBe(300);
    expect(shared.report(T0 + 600, report({ version: 1, probe: "failed" })).probeLeaseMs).toBe(300);
  });

  it("refuses options out of range", () => {
    const make = (options: SharedBreakerStateOptions) => () => new SharedBreakerState(options);
    expect(make({ leaseMs: 0 })).toThrow(new RangeError("leaseMs must be an integer in [1, 60000], got 0"));
    expect(make({ leaseMs: 60_001 })).toThrow(
      new RangeError("leaseMs must be an integer in [1, 60000], got 60001"),
    );
    expect(make({ callsMin: 0 })).toThrow(
      new RangeError("callsMin must be an integer in [1, 1000000], got 0"),
    );
  });
});
