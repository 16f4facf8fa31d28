import { describe, expect, it } from "vitest";
import type { BreakerOutcome } from "../../../src/resilience/breaker/breaker.ts";
import {
  SharedBreakerState,
  type BreakerVerdict,
} from "../../../src/resilience/breaker/shared-breaker-state.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker, type SharedBreakerOptions } from "../../../src/resilience/breaker/shared-breaker.ts";

const T0 = 1_000_000;
const RANDOM = 0.5;
const REJECTED = { kind: "rejected", retryAfterMs: 1_000 };

const closed = (version: number): BreakerVerdict => ({ state: "closed", version, probeLeaseMs: 0 });
const open = (version: number, probeLeaseMs = 0): BreakerVerdict => ({
  state: "open",
  version,
  probeLeaseMs,
});

const unheard = (options: SharedBreakerOptions["options"] = {}): SharedBreaker =>
  new SharedBreaker({ engine: new HystrixBreaker(), reporter: "a", random: () => 0, options });

/** One that has heard a verdict at T0, after a first one. */
function heard(verdict: BreakerVerdict): SharedBreaker {
  const breaker = unheard();
  exchange(breaker, T0 - 1_000, closed(0));
  exchange(breaker, T0, verdict);
  return breaker;
}

/** Asks at `atMs`, and hears the answer at once; the report must be due. */
function exchange(breaker: SharedBreaker, atMs: number, verdict: BreakerVerdict, learnedAtMs = atMs): void {
  breaker.record(atMs, "success", "admitted");
  expect(breaker.takeReport(atMs)).not.toBeNull();
  breaker.learn(learnedAtMs, verdict);
}

function fail(breaker: SharedBreaker, atMs: number, times = 20): void {
  for (let time = 0; time < times; time += 1) breaker.record(atMs, "failure", "admitted");
}

describe("a shared breaker that has heard no verdict yet", () => {
  it("has nothing to ask as long as the local engine admits", () => {
    const breaker = unheard();
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "admitted" });
    expect(breaker.takeReport(T0)).toBeNull();
  });

  it("takes no admitted call for a trial, which would keep the first leased one out", () => {
    const breaker = unheard();
    breaker.admit(T0, RANDOM);
    exchange(breaker, T0, open(1, 1_000));
    expect(breaker.view(T0).state).toBe("open");
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "trial" });
    expect(breaker.view(T0).state).toBe("half_open");
  });
});

describe("a shared breaker whose verdict has grown old", () => {
  it("shows the local engine's state, be the last word that it was open", () => {
    const breaker = heard(open(1));
    expect(breaker.view(T0 + 2_999).state).toBe("open");
    expect(breaker.admit(T0 + 3_000, RANDOM).kind).toBe("rejected");
    expect(breaker.view(T0 + 3_000).state).toBe("open");
    expect(breaker.admit(T0 + 8_000, RANDOM).kind).toBe("trial");
    expect(breaker.view(T0 + 8_000).state).toBe("half_open");
    breaker.record(T0 + 8_000, "success", "trial");
    expect(breaker.view(T0 + 8_000).state).toBe("closed");
  });
});

describe("a shared breaker whose verdict is open", () => {
  it("keeps leased probes out of the local counts, which wait for the verdict that it is closed", () => {
    const breaker = heard(open(1, 1_000));
    fail(breaker, T0, 3);
    expect(breaker.view(T0)).toEqual({ state: "open", total: 5, failures: 3 });
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "trial" });
    breaker.record(T0, "success", "trial");
    expect(breaker.view(T0)).toEqual({ state: "open", total: 5, failures: 3 });
    expect(breaker.takeReport(T0)).toMatchObject({ probe: "succeeded" });
    breaker.learn(T0, closed(2));
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 0, failures: 0 });
  });
});

describe("a shared breaker whose verdict is closed", () => {
  it("admits everything, and the same object each time", () => {
    const breaker = heard(closed(0));
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "admitted" });
    expect(breaker.admit(T0, RANDOM)).toBe(breaker.admit(T0 + 1, RANDOM));
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 2, failures: 0 });
  });

  it("reports what it saw, once a second, with the version that it knows", () => {
    const breaker = unheard();
    breaker.record(T0, "success", "admitted");
    breaker.record(T0, "failure", "admitted");
    breaker.record(T0, "cancelled", "admitted");
    expect(breaker.takeReport(T0)).toEqual({ reporter: "a", ok: 1, failed: 1, probe: null, version: 0 });
    breaker.learn(T0, closed(0));
    fail(breaker, T0, 1);
    expect(breaker.takeReport(T0 + 999)).toBeNull();
    expect(breaker.takeReport(T0 + 1_000)).toEqual({
      reporter: "a",
      ok: 0,
      failed: 1,
      probe: null,
      version: 0,
    });
    breaker.learn(T0 + 1_000, closed(2));
    fail(breaker, T0 + 2_000, 1);
    expect(breaker.takeReport(T0 + 2_000)).toEqual({
      reporter: "a",
      ok: 0,
      failed: 1,
      probe: null,
      version: 2,
    });
  });

  it("has nothing to report without calls", () => {
    const breaker = heard(closed(0));
    breaker.admit(T0, RANDOM);
    expect(breaker.takeReport(T0 + 60_000)).toBeNull();
  });

  it("rejects as soon as its engine trips, reports that at once, and waits for the next verdict", () => {
    const breaker = heard(closed(0));
    fail(breaker, T0 + 10, 17);
    expect(breaker.takeReport(T0 + 10)).toBeNull();
    fail(breaker, T0 + 10, 1);
    expect(breaker.takeReport(T0 + 10)).toMatchObject({ failed: 18 });
    expect(breaker.admit(T0 + 2_999, RANDOM)).toEqual(REJECTED);
    expect(breaker.view(T0 + 10)).toEqual({ state: "open", total: 20, failures: 18 });
  });

  it("lets one trial a second through when the shared state contradicts its engine", () => {
    const breaker = heard(closed(0));
    fail(breaker, T0);
    breaker.takeReport(T0);
    expect(breaker.admit(T0 + 20, RANDOM)).toEqual(REJECTED);
    breaker.learn(T0 + 20, closed(0));
    expect(breaker.admit(T0 + 20, RANDOM)).toEqual({ kind: "trial" });
    expect(breaker.view(T0 + 20).state).toBe("half_open");
    breaker.record(T0 + 100, "failure", "trial");
    expect(breaker.view(T0 + 100).state).toBe("open");
    expect(breaker.admit(T0 + 1_019, RANDOM)).toEqual(REJECTED);
    expect(breaker.admit(T0 + 1_020, RANDOM)).toEqual({ kind: "trial" });
    breaker.record(T0 + 1_040, "success", "trial");
    expect(breaker.admit(T0 + 1_040, RANDOM)).toEqual({ kind: "admitted" });
    expect(breaker.view(T0 + 1_040)).toEqual({ state: "closed", total: 0, failures: 0 });
  });

  it("does not take a disputed trial for a probe, and tells its outcome as a call", () => {
    const breaker = heard(closed(0));
    fail(breaker, T0);
    breaker.takeReport(T0);
    breaker.learn(T0, closed(0));
    breaker.admit(T0, RANDOM);
    breaker.record(T0 + 50, "success", "trial");
    expect(breaker.takeReport(T0 + 50)).toEqual({ reporter: "a", ok: 1, failed: 0, probe: null, version: 0 });
  });

  it("does not take a disputed trial for a probe of a state that opened meanwhile", () => {
    const breaker = heard(closed(0));
    fail(breaker, T0);
    breaker.takeReport(T0);
    breaker.learn(T0, closed(0));
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "trial" });
    breaker.admit(T0 + 1_000, RANDOM);
    breaker.takeReport(T0 + 1_000);
    breaker.learn(T0 + 1_000, open(1));
    breaker.record(T0 + 1_100, "success", "trial");
    expect(breaker.takeReport(T0 + 2_000)).toMatchObject({ probe: null });
  });

  it("stays disputed while its trial fails or is cancelled, and reports at once when it has ended", () => {
    for (const outcome of ["failure", "cancelled"] as const) {
      const breaker = heard(closed(0));
      fail(breaker, T0);
      breaker.takeReport(T0);
      breaker.learn(T0, closed(0));
      breaker.admit(T0, RANDOM);
      breaker.admit(T0, RANDOM);
      breaker.record(T0 + 50, outcome, "trial");
      expect(breaker.takeReport(T0 + 50)).toMatchObject({ failed: outcome === "failure" ? 1 : 0 });
      expect(breaker.admit(T0 + 50, RANDOM)).toEqual(REJECTED);
    }
  });

  it("closes its engine when it hears of a newer closed state, and only then", () => {
    const breaker = heard(closed(2));
    fail(breaker, T0);
    breaker.takeReport(T0);
    breaker.learn(T0, closed(4));
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "admitted" });
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 0, failures: 0 });
  });

  it("does not take its first verdict for news: the engine knows better", () => {
    const breaker = unheard();
    fail(breaker, T0);
    breaker.takeReport(T0);
    breaker.learn(T0, closed(2));
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "trial" });
    expect(breaker.admit(T0, RANDOM)).toEqual(REJECTED);
  });

  it("tells again what it told before it knew the version", () => {
    const breaker = unheard();
    fail(breaker, T0, 5);
    breaker.takeReport(T0);
    breaker.learn(T0, closed(2));
    expect(breaker.takeReport(T0 + 1_000)).toEqual({
      reporter: "a",
      ok: 0,
      failed: 5,
      probe: null,
      version: 2,
    });
  });

  // I25
  it("forgets what it saw in the state before", () => {
    const breaker = heard(closed(2));
    fail(breaker, T0 + 1_000, 5);
    breaker.takeReport(T0 + 1_000);
    fail(breaker, T0 + 1_010, 5);
    breaker.learn(T0 + 1_020, closed(4));
    expect(breaker.takeReport(T0 + 2_000)).toBeNull();
  });

  // I24
  it("ignores a verdict that another has overtaken", () => {
    const breaker = heard(open(3));
    breaker.learn(T0 + 10, closed(2));
    expect(breaker.admit(T0 + 10, RANDOM)).toEqual(REJECTED);
    breaker.learn(T0 + 10, closed(4));
    expect(breaker.admit(T0 + 10, RANDOM)).toEqual({ kind: "admitted" });
  });

  it("believes an older version if it has heard nothing for 3 s: the shared state was lost", () => {
    const breaker = heard(open(3));
    exchange(breaker, T0 + 2_999, closed(0));
    expect(breaker.admit(T0 + 2_999, RANDOM)).toEqual(REJECTED);
    const other = heard(open(3));
    exchange(other, T0 + 3_000, closed(0));
    expect(other.admit(T0 + 3_000, RANDOM)).toEqual({ kind: "admitted" });
  });
});

describe("a shared breaker whose verdict is open", () => {
  it("rejects everything without a lease, and asks for one each second in which it rejects", () => {
    const breaker = heard(open(1));
    expect(breaker.admit(T0, RANDOM)).toEqual(REJECTED);
    expect(breaker.view(T0).state).toBe("open");
    expect(breaker.takeReport(T0 + 999)).toBeNull();
    expect(breaker.takeReport(T0 + 1_000)).toEqual({
      reporter: "a",
      ok: 0,
      failed: 0,
      probe: null,
      version: 1,
    });
    breaker.learn(T0 + 1_000, open(1));
    expect(breaker.takeReport(T0 + 2_000)).toBeNull();
  });

  it("lets one trial through for each lease", () => {
    const breaker = heard(open(1, 1_000));
    expect(breaker.admit(T0 + 10, RANDOM)).toEqual({ kind: "trial" });
    expect(breaker.view(T0 + 10).state).toBe("half_open");
    expect(breaker.admit(T0 + 10, RANDOM)).toEqual(REJECTED);
    breaker.record(T0 + 20, "failure", "trial");
    expect(breaker.admit(T0 + 20, RANDOM)).toEqual(REJECTED);
    expect(breaker.view(T0 + 20).state).toBe("open");
  });

  it.each([600, 1_300, 2_500, 4_000, 60_000])(
    "keeps a lease until its next call, be that %i ms later",
    (laterMs) => {
      const breaker = unheard();
      exchange(breaker, T0, open(1, 1_000));
      expect(breaker.admit(T0 + laterMs, RANDOM)).toEqual({ kind: "trial" });
      breaker.record(T0 + laterMs + 20, "success", "trial");
      expect(breaker.takeReport(T0 + laterMs + 20)).toMatchObject({ probe: "succeeded", version: 1 });
    },
  );

  // I23
  it("spends a lease once", () => {
    const breaker = unheard();
    exchange(breaker, T0, open(1, 1_000));
    breaker.admit(T0 + 1_300, RANDOM);
    breaker.record(T0 + 1_320, "failure", "trial");
    expect(breaker.admit(T0 + 2_000, RANDOM)).toEqual(REJECTED);
  });

  // I23
  it("keeps its lease where the probe was cancelled, which found out nothing, for one call a second", () => {
    const breaker = unheard();
    exchange(breaker, T0, open(1, 1_000));
    breaker.admit(T0 + 100, RANDOM);
    breaker.record(T0 + 120, "cancelled", "trial");
    expect(breaker.admit(T0 + 1_099, RANDOM)).toEqual(REJECTED);
    expect(breaker.admit(T0 + 1_100, RANDOM)).toEqual({ kind: "trial" });
  });

  it("takes no lease from an answer to a report that it had given up", () => {
    const breaker = heard(open(1));
    breaker.learn(T0, open(1, 1_000));
    expect(breaker.admit(T0, RANDOM)).toEqual(REJECTED);
  });

  it("keeps an unused lease when the next verdict brings none, but not through a change of state", () => {
    const breaker = heard(open(1, 1_000));
    breaker.admit(T0, RANDOM);
    breaker.record(T0 + 10, "failure", "trial");
    breaker.takeReport(T0 + 10);
    breaker.learn(T0 + 20, open(1, 1_000));
    breaker.admit(T0 + 5_000, RANDOM);
    const kept = unheard();
    exchange(kept, T0, open(1, 5_000));
    exchange(kept, T0 + 1_000, open(1));
    expect(kept.admit(T0 + 1_001, RANDOM)).toEqual({ kind: "trial" });
    const changed = unheard();
    exchange(changed, T0, open(1, 5_000));
    exchange(changed, T0 + 1_000, open(3));
    expect(changed.admit(T0 + 1_001, RANDOM)).toEqual(REJECTED);
  });

  it("tells at once how its probe ended", () => {
    for (const [outcome, probe] of [
      ["success", "succeeded"],
      ["failure", "failed"],
    ] as const) {
      const breaker = heard(open(1, 1_000));
      breaker.admit(T0 + 10, RANDOM);
      breaker.record(T0 + 20, outcome, "trial");
      expect(breaker.takeReport(T0 + 20)).toMatchObject({ probe, version: 1 });
      expect(breaker.admit(T0 + 20, RANDOM)).toEqual(REJECTED);
    }
  });

  it("tells nothing of a cancelled probe, but asks for another lease at once", () => {
    const breaker = heard(open(1, 1_000));
    breaker.admit(T0 + 10, RANDOM);
    breaker.record(T0 + 20, "cancelled", "trial");
    expect(breaker.takeReport(T0 + 20)).toBeNull();
    breaker.admit(T0 + 30, RANDOM);
    expect(breaker.takeReport(T0 + 30)).toMatchObject({ probe: null, version: 1 });
  });

  it("does not take a probe of one state for one of the next", () => {
    const breaker = heard(open(1, 1_000));
    breaker.admit(T0 + 10, RANDOM);
    exchange(breaker, T0 + 1_000, open(3));
    breaker.record(T0 + 1_100, "success", "trial");
    expect(breaker.takeReport(T0 + 1_100)).toMatchObject({ probe: null, version: 3 });
  });

  // I22
  it("sends no second probe while one is under way, until its caller has vanished for 5 s", () => {
    const breaker = heard(open(1, 60_000));
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "trial" });
    for (const atMs of [T0 + 1_000, T0 + 2_000, T0 + 3_000, T0 + 4_000])
      exchange(breaker, atMs, open(1, 60_000));
    expect(breaker.admit(T0 + 4_999, RANDOM)).toEqual(REJECTED);
    expect(breaker.admit(T0 + 5_000, RANDOM)).toEqual({ kind: "trial" });
    breaker.record(T0 + 5_000, "failure", "trial");
    expect(breaker.takeReport(T0 + 5_000)).toMatchObject({ probe: "failed" });
  });

  it("hears an outcome of the same trial only once", () => {
    const breaker = heard(open(1, 1_000));
    breaker.admit(T0, RANDOM);
    breaker.record(T0, "failure", "trial");
    breaker.takeReport(T0);
    breaker.learn(T0, open(1));
    breaker.record(T0, "success", "trial");
    expect(breaker.takeReport(T0)).toBeNull();
    expect(breaker.takeReport(T0 + 1_000)).toMatchObject({ ok: 1, probe: null });
  });

  it("is not closed by calls from before, and admits again when it hears that the state is closed", () => {
    const breaker = heard(open(1));
    for (let time = 0; time < 50; time += 1) breaker.record(T0, "success", "admitted");
    expect(breaker.admit(T0, RANDOM)).toEqual(REJECTED);
    exchange(breaker, T0 + 1_000, closed(2));
    expect(breaker.admit(T0 + 1_000, RANDOM)).toEqual({ kind: "admitted" });
  });
});

describe("a shared breaker that hears nothing", () => {
  // I21
  it("decides alone before the first verdict", () => {
    const breaker = unheard();
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "admitted" });
    fail(breaker, T0);
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 5_000 });
    expect(breaker.admit(T0 + 5_000, RANDOM)).toEqual({ kind: "trial" });
    breaker.record(T0 + 5_010, "success", "trial");
    expect(breaker.admit(T0 + 5_010, RANDOM)).toEqual({ kind: "admitted" });
  });

  it("lets its engine double its pauses", () => {
    const breaker = unheard();
    fail(breaker, T0);
    breaker.admit(T0 + 5_000, RANDOM);
    breaker.record(T0 + 5_000, "failure", "trial");
    expect(breaker.admit(T0 + 5_000, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 10_000 });
    expect(breaker.view(T0 + 5_000).state).toBe("open");
  });

  it("is kept shut by nobody who hangs up: after a trial that was cancelled the next one comes a second later", () => {
    const breaker = unheard();
    fail(breaker, T0);
    let atMs = T0;
    for (const pauseMs of [5_000, 10_000, 20_000]) {
      expect(breaker.admit((atMs += pauseMs), RANDOM)).toEqual({ kind: "trial" });
      breaker.record(atMs, "failure", "trial");
    }
    atMs += 40_000;
    for (let hangUps = 0; hangUps < 5; hangUps += 1, atMs += 1_000) {
      expect(breaker.admit(atMs, RANDOM)).toEqual({ kind: "trial" });
      breaker.record(atMs, "cancelled", "trial");
      expect(breaker.admit(atMs, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 1_000 });
    }
    expect(breaker.admit(atMs, RANDOM)).toEqual({ kind: "trial" });
  });

  // I26
  it("keeps a closed gate closed: 3 s after the word open it begins with an open engine", () => {
    const breaker = heard(open(1));
    expect(breaker.admit(T0 + 2_999, RANDOM)).toEqual(REJECTED);
    expect(breaker.admit(T0 + 3_000, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 2_000 });
    expect(breaker.view(T0 + 3_000).state).toBe("open");
    expect(breaker.admit(T0 + 5_000, RANDOM)).toEqual({ kind: "trial" });
    breaker.record(T0 + 5_010, "success", "trial");
    expect(breaker.admit(T0 + 5_010, RANDOM)).toEqual({ kind: "admitted" });
  });

  // I26
  it("probes with its first call after the word open has grown older than its engine stays open", () => {
    const breaker = heard(open(1));
    expect(breaker.admit(T0 + 3_600_000, RANDOM)).toEqual({ kind: "trial" });
    breaker.record(T0 + 3_600_010, "success", "trial");
    expect(breaker.takeReport(T0 + 3_600_010)).toMatchObject({ probe: "succeeded", version: 1 });
    expect(breaker.admit(T0 + 3_600_010, RANDOM)).toEqual({ kind: "admitted" });
  });

  it("goes on admitting 3 s after the word closed", () => {
    const breaker = heard(closed(0));
    expect(breaker.admit(T0 + 3_000, RANDOM)).toEqual({ kind: "admitted" });
    expect(breaker.view(T0 + 3_000).state).toBe("closed");
  });

  it("tells of a trial that it made alone as a probe, if the last word was open: seldom calls would else never close it", () => {
    const breaker = heard(open(1));
    expect(breaker.admit(T0 + 4_000, RANDOM).kind).toBe("rejected");
    breaker.admit(T0 + 20_000, RANDOM);
    breaker.record(T0 + 20_010, "success", "trial");
    expect(breaker.takeReport(T0 + 20_010)).toEqual({
      reporter: "a",
      ok: 1,
      failed: 0,
      probe: "succeeded",
      version: 1,
    });
  });

  it("tells of no probe if it never heard a word", () => {
    const breaker = unheard();
    fail(breaker, T0);
    breaker.takeReport(T0);
    breaker.reportFailed(T0);
    breaker.admit(T0 + 5_000, RANDOM);
    breaker.record(T0 + 5_010, "success", "trial");
    const none = { ok: 0, failed: 0 };
    expect(breaker.takeReport(T0 + 5_010)).toEqual({
      reporter: "a",
      ok: 1,
      failed: 20,
      recent: [{ ok: 1, failed: 0 }, none, none, none, none, { ok: 0, failed: 20 }],
      probe: null,
      version: 0,
    });
  });

  it("asks in vain once a second, and keeps what it has to tell", () => {
    const breaker = unheard();
    fail(breaker, T0, 3);
    breaker.takeReport(T0);
    breaker.reportFailed(T0 + 200);
    fail(breaker, T0 + 300, 2);
    expect(breaker.takeReport(T0 + 1_199)).toBeNull();
    expect(breaker.takeReport(T0 + 1_200)).toEqual({
      reporter: "a",
      ok: 0,
      failed: 5,
      probe: null,
      version: 0,
    });
  });

  it("asks while its engine rejects", () => {
    const breaker = unheard();
    fail(breaker, T0);
    breaker.takeReport(T0);
    breaker.learn(T0, closed(0));
    breaker.admit(T0 + 4_000, RANDOM);
    expect(breaker.takeReport(T0 + 4_000)).toEqual({
      reporter: "a",
      ok: 0,
      failed: 0,
      probe: null,
      version: 0,
    });
  });

  it("does not ask while its engine admits and nothing has ended", () => {
    const breaker = unheard();
    breaker.admit(T0, RANDOM);
    expect(breaker.takeReport(T0)).toBeNull();
  });

  it("obeys the shared state again as soon as it hears of it", () => {
    const breaker = heard(open(1));
    breaker.admit(T0 + 3_000, RANDOM);
    breaker.takeReport(T0 + 3_000);
    breaker.learn(T0 + 3_010, closed(2));
    expect(breaker.admit(T0 + 3_010, RANDOM)).toEqual({ kind: "admitted" });
  });

  it("opens its engine anew each time it loses an open state, and once only", () => {
    const breaker = heard(open(1));
    breaker.admit(T0 + 3_000, RANDOM);
    breaker.admit(T0 + 8_000, RANDOM);
    breaker.record(T0 + 8_000, "success", "trial");
    expect(breaker.admit(T0 + 9_000, RANDOM)).toEqual({ kind: "admitted" });
    breaker.takeReport(T0 + 9_000);
    breaker.learn(T0 + 9_000, open(1));
    expect(breaker.admit(T0 + 12_000, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 2_000 });
  });
});

describe("a shared breaker that was told how soon to report again", () => {
  const MANY = { reportAfterMs: 40_000, quietAfterMs: 80_000 };

  it("keeps to it, failing or well, and says so with what it tells", () => {
    const breaker = unheard();
    exchange(breaker, T0, { ...closed(0), ...MANY });
    breaker.record(T0 + 79_000, "success", "admitted");
    expect(breaker.takeReport(T0 + 79_000)).toBeNull();
    breaker.record(T0 + 80_000, "success", "admitted");
    expect(breaker.takeReport(T0 + 80_000)).toEqual({
      reporter: "a",
      ok: 2,
      failed: 0,
      probe: null,
      version: 0,
      weight: 2,
      keptMs: 40_000,
    });
    breaker.learn(T0 + 80_000, { ...closed(0), ...MANY });
    fail(breaker, T0 + 90_000, 1);
    expect(breaker.takeReport(T0 + 90_000)).toMatchObject({ failed: 1, keptMs: 40_000 });
    breaker.learn(T0 + 90_000, { ...closed(0), ...MANY });
    fail(breaker, T0 + 90_010);
    expect(breaker.takeReport(T0 + 129_999)).toBeNull();
  });

  it("leaves the upstream alone until it hears again, a turn and two seconds, and decides alone then", () => {
    const breaker = unheard();
    exchange(breaker, T0, { ...open(1), ...MANY });
    expect(breaker.admit(T0 + 51_999, RANDOM)).toEqual(REJECTED);
    expect(breaker.takeReport(T0 + 51_999)).not.toBeNull();
    expect(breaker.admit(T0 + 52_000, RANDOM)).toEqual({ kind: "trial" });
  });

  it("decides by its own engine all the while where the last word was closed", () => {
    const breaker = unheard();
    exchange(breaker, T0, { ...closed(0), ...MANY });
    fail(breaker, T0 + 10_000);
    expect(breaker.admit(T0 + 10_000, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 5_000 });
    expect(breaker.admit(T0 + 15_000, RANDOM)).toEqual({ kind: "trial" });
  });

  it("tells at once how a probe ended that all others wait for", () => {
    const breaker = unheard();
    exchange(breaker, T0, { ...open(1, 1_000), ...MANY });
    expect(breaker.admit(T0 + 500, RANDOM)).toEqual({ kind: "trial" });
    breaker.record(T0 + 520, "success", "trial");
    expect(breaker.takeReport(T0 + 520)).toMatchObject({ probe: "succeeded", version: 1 });
  });

  it("reports once a second again to a shared state of the release before, which says nothing of it", () => {
    const breaker = unheard();
    exchange(breaker, T0, { ...closed(0), ...MANY });
    exchange(breaker, T0 + 80_000, closed(0));
    exchange(breaker, T0 + 81_000, closed(0));
    breaker.record(T0 + 82_000, "success", "admitted");
    expect(breaker.takeReport(T0 + 82_000)).toEqual({
      reporter: "a",
      ok: 1,
      failed: 0,
      probe: null,
      version: 0,
    });
  });
});

describe("the options of a shared breaker", () => {
  it("set how long a verdict holds, how often it reports, and when a caller is gone", () => {
    const breaker = unheard({ verdictMs: 500, reportEveryMs: 100, trialTimeoutMs: 200 });
    exchange(breaker, T0, open(1, 1_000));
    expect(breaker.admit(T0, RANDOM)).toEqual({ kind: "trial" });
    exchange(breaker, T0 + 100, open(1, 1_000));
    expect(breaker.admit(T0 + 199, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 100 });
    expect(breaker.admit(T0 + 200, RANDOM)).toEqual({ kind: "trial" });
    expect(breaker.admit(T0 + 600, RANDOM)).toEqual({ kind: "rejected", retryAfterMs: 4_500 });
  });

  it("are refused out of range", () => {
    expect(() => unheard({ verdictMs: 0 })).toThrow(
      new RangeError("verdictMs must be an integer in [1, 60000], got 0"),
    );
    expect(() => unheard({ verdictMs: 60_001 })).toThrow(
      new RangeError("verdictMs must be an integer in [1, 60000], got 60001"),
    );
    expect(() => unheard({ reportEveryMs: 0 })).toThrow(
      new RangeError("reportEveryMs must be an integer in [1, 60000], got 0"),
    );
    expect(() => unheard({ trialTimeoutMs: 0 })).toThrow(
      new RangeError("trialTimeoutMs must be an integer in [1, 3600000], got 0"),
    );
    expect(() => unheard({ verdictMs: 1, reportEveryMs: 1, trialTimeoutMs: 1 })).not.toThrow();
  });
});

describe("a call that found nothing out", () => {
  it("does not tell what ended well before as its own: an upstream that has died since stays left alone", () => {
    const shared = new SharedBreakerState();
    const breaker = unheard();
    const call = (atMs: number, outcome: BreakerOutcome): void => {
      const admission = breaker.admit(atMs, RANDOM);
      if (admission.kind !== "rejected") breaker.record(atMs, outcome, admission.kind);
      const report = breaker.takeReport(atMs);
      if (report !== null) breaker.learn(atMs, shared.report(atMs, report));
    };
    for (const atMs of [0, 100, 200]) call(T0 + atMs, "success");
    shared.report(T0 + 1_000, { reporter: "another", ok: 0, failed: 30, probe: null, version: 0 });
    call(T0 + 4_000, "cancelled");
    expect(shared.state.state).toBe("open");
  });

  it("keeps it to be told with the next one that did", () => {
    const breaker = unheard();
    for (const atMs of [0, 100, 200]) exchangeIfDue(breaker, T0 + atMs);
    breaker.record(T0 + 4_000, "cancelled", "admitted");
    expect(breaker.takeReport(T0 + 4_000)).toMatchObject({ ok: 0, failed: 0 });
    breaker.learn(T0 + 4_000, closed(0));
    breaker.record(T0 + 5_000, "failure", "admitted");
    expect(breaker.takeReport(T0 + 5_000)).toMatchObject({ ok: 2, failed: 1 });
  });
});

function exchangeIfDue(breaker: SharedBreaker, atMs: number): void {
  breaker.record(atMs, "success", "admitted");
  if (breaker.takeReport(atMs) !== null) breaker.learn(atMs, closed(0));
}
