import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SharedBreakerState } from "../../../src/resilience/breaker/shared-breaker-state.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../../src/resilience/breaker/shared-breaker.ts";
import {
  BreakerCluster,
  type ClusterCall,
  type ClusterOptions,
  type Lease,
} from "../support/breaker-cluster.ts";

const DIES_AT_MS = 10_000;
const REPAIRED_AT_MS = 40_000;
const ENDS_AT_MS = 60_000;
const LEASE_MS = 1_000;
/**
 * Isolates hear of an opening within a second and the way there and back; by then what was under
 * way has ended too.
 */
const SETTLING_MS = 2_500;

const cluster = (options: Partial<ClusterOptions>): BreakerCluster =>
  new BreakerCluster({
    seed: 1,
    isolates: 4,
    rps: 20,
    diesAtMs: DIES_AT_MS,
    repairedAtMs: REPAIRED_AT_MS,
    endsAtMs: ENDS_AT_MS,
    chaosUntilMs: 0,
    ...options,
  }).run();

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const sizes = fc.record({
  seed: seeds,
  isolates: fc.integer({ min: 1, max: 5 }),
  rps: fc.constantFrom(3, 10, 40),
});

/** Takes the lease under which a probe was sent, once; a probe that was cancelled leaves it. */
function spend(leases: Lease[], probe: ClusterCall): boolean {
  const index = leases.findLastIndex(({ holder, atMs }) => holder === probe.isolate && atMs <= probe.atMs);
  if (index >= 0 && probe.outcome !== "cancelled") leases.splice(index, 1);
  return index >= 0;
}

function expectSpacing(calls: readonly { readonly atMs: number }[], spacingMs: number): void {
  for (const [index, { atMs }] of calls.entries()) {
    expect(atMs - (calls[index - 1]?.atMs ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(spacingMs);
  }
}

/** What must hold whatever gets lost. */
function expectDiscipline({ calls, leases, heldLeases }: BreakerCluster): void {
  expectSpacing(leases, LEASE_MS);
  const unspent = [...heldLeases];
  const trials = calls.filter(({ kind }) => kind === "trial");
  for (const probe of trials.filter(({ heard }) => heard === "open"))
    expect(spend(unspent, probe)).toBe(true);
  // Out of touch as well a lease is kept until the next call, and one that was cancelled leaves it
  // to the one after.
  const hasLease = ({ isolate, atMs }: ClusterCall): boolean =>
    heldLeases.some(
      (lease) =>
        lease.holder === isolate &&
        lease.atMs <= atMs &&
        !trials.some(
          (other) =>
            other.isolate === isolate &&
            other.outcome !== "cancelled" &&
            other.atMs >= lease.atMs &&
            other.atMs < atMs,
        ),
    );
  const alone = trials.filter((probe) => probe.heard === null && !hasLease(probe));
  expect(calls.filter(({ kind, heard }) => kind === "admitted" && heard === "open")).toEqual([]);
  for (const isolate of new Set(trials.map((trial) => trial.isolate))) {
    const own = trials.filter((trial) => trial.isolate === isolate);
    // One that was cancelled has told nothing: the next one comes a second later.
    const ownAlone = own.filter((trial) => alone.includes(trial));
    expectSpacing(ownAlone, 1_000);
    expectSpacing(
      ownAlone.filter(({ outcome }) => outcome !== "cancelled"),
      5_000,
    );
    expectSpacing(
      own.filter(({ heard }) => heard === "closed"),
      1_000,
    );
  }
}

function reached(calls: readonly ClusterCall[], fromMs: number, untilMs: number): ClusterCall[] {
  return calls.filter(({ kind, atMs }) => kind !== "rejected" && atMs >= fromMs && atMs < untilMs);
}

function notAdmitted(calls: readonly ClusterCall[], fromMs: number): ClusterCall[] {
  return calls.filter(({ atMs, kind }) => atMs >= fromMs && kind !== "admitted");
}

describe("isolates that share a breaker", () => {
  it("send at most one probe a second together while it is open, and only its holder spends a lease", () => {
    fc.assert(
      fc.property(sizes, (size) => {
        const run = cluster({ ...size, rps: Math.max(size.rps, 10) });
        expectDiscipline(run);
        const openedAtMs = run.changes[0]?.atMs ?? Number.NaN;
        expect(run.changes.map(({ state }) => state)).toEqual(["open", "closed"]);
        const settledAtMs = openedAtMs + SETTLING_MS;
        const probes = reached(run.calls, settledAtMs, REPAIRED_AT_MS);
        // One that was under way at the begin, and one for each second.
        expect(probes.length).toBeLessThanOrEqual(Math.ceil((REPAIRED_AT_MS - settledAtMs) / 1_000) + 1);
        expect(probes.length).toBeGreaterThan(5);
        expect(new Set(probes.map(({ kind }) => kind))).toEqual(new Set(["trial"]));
      }),
      { numRuns: 30 },
    );
  });

  it("admit everything within 6 s of the repair", () => {
    fc.assert(
      fc.property(sizes, (size) => {
        const run = cluster({ ...size, rps: Math.max(size.rps, 10) });
        expect(notAdmitted(run.calls, REPAIRED_AT_MS + 6_000)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it("keep to their leases while reports get lost, come late or twice, callers vanish and the shared state is killed, and recover then", () => {
    fc.assert(
      fc.property(sizes, (size) => {
        const run = cluster({ ...size, chaosUntilMs: REPAIRED_AT_MS });
        expectDiscipline(run);
        expect(notAdmitted(run.calls, ENDS_AT_MS - 5_000)).toEqual([]);
        expect(run.state.state).toBe("closed");
      }),
      { numRuns: 60 },
    );
  });

  it("neither open the gate nor keep it closed for ever when the shared state can't be reached while open", () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), (size, comesBack) => {
        const cutOff = {
          fromMs: 20_000,
          untilMs: comesBack ? REPAIRED_AT_MS + 5_000 : Number.POSITIVE_INFINITY,
        };
        const rps = Math.max(size.rps, 10);
        const run = cluster({ ...size, rps, endsAtMs: REPAIRED_AT_MS + 75_000, cutOff });
        expectDiscipline(run);
        // Alone, an isolate tries after 5 s, then 10 s: twice or thrice in the twenty seconds that
        // are left.
        expect(reached(run.calls, cutOff.fromMs + SETTLING_MS, REPAIRED_AT_MS).length).toBeLessThanOrEqual(
          3 * size.isolates + 1,
        );
        expect(notAdmitted(run.calls, comesBack ? cutOff.untilMs + 6_000 : REPAIRED_AT_MS + 65_000)).toEqual(
          [],
        );
      }),
      { numRuns: 30 },
    );
  });

  it("decide alone if they never reach the shared state", () => {
    const run = cluster({ cutOff: { fromMs: 0, untilMs: Number.POSITIVE_INFINITY }, rps: 20 });
    expect(run.leases).toEqual([]);
    expectDiscipline(run);
    expect(reached(run.calls, DIES_AT_MS + 7_000, REPAIRED_AT_MS).length).toBeLessThanOrEqual(4 * 3);
  });

  it.each([3_000, 60_000, 86_400_000])(
    "refuse no call at the next start, if the breaker was open when everything stopped %i ms before",
    (stoppedForMs) => {
      const lease = { holder: "gone", untilMs: 1_000_000 };
      const shared = new SharedBreakerState({}, { state: "open", version: 3, openedAtMs: 990_000, lease });
      const isolates = ["a", "b", "c"].map(
        (reporter) => new SharedBreaker({ engine: new HystrixBreaker(), reporter, random: () => 0 }),
      );
      for (let atMs = lease.untilMs + stoppedForMs, call = 0; call < 300; call += 1, atMs += 10) {
        const breaker = isolates[call % isolates.length];
        const { kind } = breaker?.admit(atMs, 0) ?? { kind: "rejected" };
        expect(kind).not.toBe("rejected");
        if (kind !== "rejected") breaker?.record(atMs + 5, "success", kind);
        const report = breaker?.takeReport(atMs + 5) ?? null;
        if (report !== null) breaker?.learn(atMs + 9, shared.report(atMs + 7, report));
      }
      expect(shared.state.state).toBe("closed");
    },
  );

  it("recover even where calls are so seldom that a lease is never of use", () => {
    const shared = new SharedBreakerState({}, { state: "open", version: 1, openedAtMs: 0, lease: null });
    const breaker = new SharedBreaker({ engine: new HystrixBreaker(), reporter: "a", random: () => 0 });
    const kinds = [1, 2, 3, 4, 5].map((call) => {
      const atMs = call * 10_000;
      const { kind } = breaker.admit(atMs, 0);
      if (kind !== "rejected") breaker.record(atMs, call <= 2 ? "failure" : "success", kind);
      const report = breaker.takeReport(atMs);
      if (report !== null) breaker.learn(atMs, shared.report(atMs, report));
      return kind;
    });
    expect(kinds).toEqual(["admitted", "trial", "trial", "admitted", "admitted"]);
    expect(shared.state).toEqual({ state: "closed", version: 2 });
  });
});
