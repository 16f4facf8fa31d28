import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BbrLimiter } from "../../../src/resilience/overload/bbr-limiter.ts";
import type { Criticality } from "../../../src/resilience/overload/criticality.ts";
import { ScriptedPressure } from "../support/scripted-pressure.ts";

/** The start of the first of 100 buckets of 100 ms. */
const T0 = 1_700_000_000_000;
/** The limit is halved for at most two seconds from when it is first asked for. */
const DRAINED_MS = 2_000;

function limiterOf(options: { readonly inFlightFloor?: number; readonly rtFloorMs?: number } = {}) {
  const pressure = new ScriptedPressure();
  return { pressure, limiter: new BbrLimiter({ ...options, pressure }) };
}

/** Work that ends at `atMs` after T0, each piece having taken `rtMs`. */
function pass(
  limiter: BbrLimiter,
  atMs: number,
  times: number,
  rtMs: number,
  outcome: "success" | "failure" = "success",
): void {
  for (let time = 0; time < times; time += 1) {
    limiter.admit(T0 + atMs - rtMs, "critical_plus");
    limiter.done(T0 + atMs, T0 + atMs - rtMs, outcome);
  }
}

/** How much of a class is admitted at once on top of what is in flight, at most 5000. */
function admitted(limiter: BbrLimiter, atMs: number, criticality: Criticality = "critical_plus"): number {
  let count = 0;
  while (count < 5_000 && limiter.admit(T0 + atMs, criticality)) count += 1;
  return count;
}

/** The limit at `atMs`, outside of the halving that begins with the first look. */
function limitAt(limiter: BbrLimiter, atMs: number): number {
  limiter.view(T0 + atMs - DRAINED_MS);
  return limiter.view(T0 + atMs).limit;
}

describe("a bbr limiter's limit", () => {
  it("is what Little's law says: the most successes of a bucket by the least mean time", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 123, 50);
    pass(limiter, 100, 110, 60);
    expect(limitAt(limiter, 1_000)).toBe(61);
  });

  it("has room for what waits on purpose, which makes no time longer", () => {
    const { limiter, pressure } = limiterOf({ inFlightFloor: 1 });
    for (let work = 0; work < 120; work += 1) {
      limiter.admit(T0 - 200, "critical_plus");
      limiter.done(T0, T0 - 200, "success", 150);
    }
    expect(limitAt(limiter, 1_000)).toBe(Math.floor((120 * (50 + 150)) / 100));
    const times = pressure.told.flatMap(([what, _atMs, rtMs]) => (what === "done" ? [rtMs] : []));
    expect(new Set(times)).toEqual(new Set([50]));
  });

  it("is never measured below its floor", () => {
    const { limiter } = limiterOf();
    pass(limiter, 0, 100, 31);
    expect(limitAt(limiter, 1_000)).toBe(32);
    pass(limiter, 1_000, 100, 33);
    pass(limiter, 1_100, 200, 33);
    expect(limiter.view(T0 + 1_200).limit).toBe(62);
  });

  it("believes a cold upstream to take a second, and leaves out the bucket in progress", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1 });
    expect(limitAt(limiter, -1_000)).toBe(10);
    pass(limiter, 0, 200, 50);
    expect(limiter.view(T0 + 99).limit).toBe(10);
    expect(limiter.view(T0 + 100).limit).toBe(100);
  });

  it("forgets a bucket after ten seconds", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 200, 50);
    expect(limitAt(limiter, 5_000)).toBe(100);
    expect(limitAt(limiter, 9_900)).toBe(100);
    expect(limitAt(limiter, 10_000)).toBe(10);
  });

  it("is measured by successes alone", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 200, 50);
    pass(limiter, 100, 900, 1, "failure");
    expect(limitAt(limiter, 1_000)).toBe(100);
  });

  it("takes buckets together until they have 100 times, so that luck is no measurement", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 99, 30);
    pass(limiter, 100, 99, 10);
    pass(limiter, 200, 100, 25);
    pass(limiter, 300, 99, 1);
    expect(limitAt(limiter, 1_200)).toBe(20);
  });

  it("takes what there is where it is less than 100 times", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 50, 30);
    pass(limiter, 100, 49, 10);
    expect(limitAt(limiter, 1_000)).toBe(Math.floor((50 * (50 * 30 + 49 * 10)) / 99 / 100));
    pass(limiter, 1_000, 100, 40);
    expect(limiter.view(T0 + 1_100).limit).toBeGreaterThan(18);
  });

  it("believes no time below that of a batch", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1, rtFloorMs: 40 });
    pass(limiter, 0, 100, 39);
    expect(limitAt(limiter, 1_000)).toBe(40);
    const { limiter: slower } = limiterOf({ inFlightFloor: 1, rtFloorMs: 40 });
    pass(slower, 0, 100, 41);
    expect(limitAt(slower, 1_000)).toBe(41);
  });

  it("takes work that took no time to take a millisecond", () => {
    const { limiter } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 200, 0);
    expect(limitAt(limiter, 1_000)).toBe(2);
  });

  it.each([
    [0, 100],
    [0.9, 100],
    [1, 100],
    [1.25, 80],
    [2, 50],
    [10, 10],
    [50, 10],
  ])("is less the further over the trigger the pressure is: at %s, %s of 100", (over, limit) => {
    const { limiter, pressure } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 200, 50);
    pressure.over = over;
    expect(limitAt(limiter, 1_000)).toBe(limit);
  });

  it("is halved for half a second every eight, so that the best time can be measured anew", () => {
    const { limiter } = limiterOf();
    expect(limiter.view(T0)).toEqual({ inFlight: 0, limit: 16, shedding: false });
    pass(limiter, 0, 1, 20);
    expect(limiter.view(T0 + 499).limit).toBe(16);
    expect(limiter.view(T0 + 500).limit).toBe(32);
    expect(limiter.view(T0 + 7_999).limit).toBe(32);
    expect(limiter.view(T0 + 8_000).limit).toBe(16);
    expect(limiter.view(T0 + 8_500).limit).toBe(32);
  });

  it.each([
    [249, 500],
    [251, 502],
    [400, 800],
    [1_000, 2_000],
    [1_100, 2_000],
  ])(
    "is halved for longer where work takes longer, up to two seconds: at %s ms, for %s",
    (rtMs, halvedMs) => {
      const { limiter } = limiterOf({ inFlightFloor: 10 });
      pass(limiter, -100, 1, rtMs);
      limiter.view(T0);
      expect(limiter.view(T0 + halvedMs - 1).limit).toBe(limiter.view(T0).limit);
      const halved = limiter.view(T0 + halvedMs - 1).limit;
      expect(Math.floor(limiter.view(T0 + halvedMs).limit / 2)).toBe(halved);
      expect(limiter.view(T0 + halvedMs).limit).toBeGreaterThan(halved);
    },
  );
});

describe("a bbr limiter under pressure", () => {
  it.each([
    ["critical_plus", 32],
    ["critical", 28],
    ["sheddable_plus", 22],
    ["sheddable", 16],
  ] as const)("drops what is %s when more than %s are in flight", (criticality, inFlightMax) => {
    const { limiter, pressure } = limiterOf();
    limitAt(limiter, 1_000);
    pressure.high = true;
    expect(admitted(limiter, 1_000, criticality)).toBe(inFlightMax + 1);
    expect(limiter.view(T0 + 1_000)).toEqual({ inFlight: inFlightMax + 1, limit: 32, shedding: true });
  });

  it("never drops while no more than half of the floor is in flight, of no class and not while the limit is halved", () => {
    const { limiter, pressure } = limiterOf();
    pressure.high = true;
    pressure.over = 100;
    expect(admitted(limiter, 0, "sheddable")).toBe(17);
  });

  it("drops for a second after the last of it, not after the first", () => {
    const admittedLate = (atMs: number): number => {
      const { limiter, pressure } = limiterOf();
      limitAt(limiter, 500);
      for (let count = 0; count < 20; count += 1) limiter.admit(T0 + 500, "critical");
      pressure.high = true;
      limiter.admit(T0 + 600, "critical_plus");
      limiter.admit(T0 + 1_000, "critical_plus");
      pressure.high = false;
      expect(limiter.view(T0 + atMs).shedding).toBe(atMs < 2_000);
      return admitted(limiter, atMs);
    };
    expect(admittedLate(1_999)).toBe(33 - 22);
    expect(admittedLate(2_000)).toBe(5_000);
  });

  it("drops for a second after the last drop too", () => {
    const { limiter, pressure } = limiterOf();
    limitAt(limiter, 1_000);
    pressure.high = true;
    admitted(limiter, 1_000);
    pressure.high = false;
    pressure.over = 0.9;
    expect(limiter.admit(T0 + 1_999, "critical_plus")).toBe(false);
    expect(limiter.admit(T0 + 2_998, "critical_plus")).toBe(false);
    expect(limiter.admit(T0 + 3_998, "critical_plus")).toBe(true);
  });

  it("goes by what was measured until then, looked at or not", () => {
    const { limiter, pressure } = limiterOf();
    pressure.high = true;
    expect(admitted(limiter, 0)).toBe(17);
    for (let count = 0; count < 17; count += 1) limiter.done(T0, T0, "failure");
    pressure.high = false;
    pressure.over = 0.9;
    for (let count = 0; count < 20; count += 1) limiter.admit(T0 + 2_950, "critical");
    pass(limiter, 3_010, 100, 50);
    pressure.high = true;
    expect(admitted(limiter, 3_100)).toBe(51 - 20);
  });

  it("is not needed to drop a flood: four times the limit, and slow already", () => {
    const { limiter, pressure } = limiterOf();
    limitAt(limiter, 1_000);
    pressure.over = 1;
    for (let count = 0; count < 140; count += 1) expect(limiter.admit(T0 + 1_000, "sheddable")).toBe(true);
    pressure.over = 1.01;
    expect(limiter.admit(T0 + 1_000, "critical_plus")).toBe(false);
    const { limiter: other, pressure: script } = limiterOf();
    script.over = 1.01;
    expect(admitted(other, 1_000)).toBe(129);
  });

  it("measures a flood by what the upstream can do where that is more than the floor", () => {
    const { limiter, pressure } = limiterOf();
    pass(limiter, 0, 100, 50);
    limitAt(limiter, 1_000);
    pressure.over = 1.01;
    expect(admitted(limiter, 1_000)).toBe(201);
  });
});

describe("a bbr limiter without pressure", () => {
  it("drops nothing, however much is in flight", () => {
    const { limiter, pressure } = limiterOf();
    pressure.over = 0.99;
    expect(admitted(limiter, 1_000, "sheddable")).toBe(5_000);
    expect(limiter.view(T0 + 1_000).shedding).toBe(false);
  });
});

describe("a bbr limiter that sheds", () => {
  /** Is over its limit of 100 from 1 s on; after that one more call is tried in a bucket. */
  function shedding(rtMs = 50) {
    const { limiter, pressure } = limiterOf({ inFlightFloor: 1 });
    pass(limiter, 0, 200, 50);
    limitAt(limiter, 1_000);
    pressure.high = true;
    admitted(limiter, 1_000);
    // A failure moves the average response time, but neither the limit nor the best time.
    if (rtMs !== 50) for (let time = 0; time < 200; time += 1) pass(limiter, 1_000, 1, rtMs, "failure");
    pressure.high = false;
    const tryOnce = (bucket: number): number => {
      limiter.admit(T0 + 1_000 + 100 * bucket, "critical_plus");
      return limiter.view(T0 + 1_000 + 100 * bucket).limit;
    };
    return { limiter, pressure, tryOnce };
  }

  it("lets the limit grow by a twentieth for each bucket in which it drops, while the upstream is at ease", () => {
    const { tryOnce } = shedding();
    expect(tryOnce(1)).toBe(105);
    expect(tryOnce(2)).toBe(105);
  });

  it("lets it grow only while work takes less than one and a half times as long as at its best", () => {
    expect(shedding(74).tryOnce(1)).toBe(105);
    expect(shedding(76).tryOnce(1)).toBe(100);
  });

  it("has what was measured for its limit again when it sheds anew", () => {
    const { limiter, pressure, tryOnce } = shedding();
    expect(tryOnce(1)).toBe(105);
    for (let count = 0; count < 102; count += 1) limiter.done(T0 + 1_150, T0 + 1_150, "failure");
    expect(limiter.view(T0 + 1_999).limit).toBe(105);
    expect(limiter.view(T0 + 2_000).limit).toBe(100);
    pressure.high = true;
    expect(admitted(limiter, 2_000)).toBe(101);
  });

  it("lets it grow until nothing is dropped any more", () => {
    const { limiter, pressure } = limiterOf();
    limitAt(limiter, 1_000);
    pressure.high = true;
    let bursts = 0;
    let dropped = 1;
    for (; dropped > 0 && bursts < 100; bursts += 1) {
      const atMs = T0 + 1_000 + 300 * bursts;
      const taken = Array.from({ length: 50 }, () => limiter.admit(atMs, "critical")).filter(Boolean).length;
      pressure.high = false;
      for (let count = 0; count < taken; count += 1) limiter.done(atMs + 20, atMs, "success");
      dropped = 50 - taken;
    }
    expect(bursts).toBeGreaterThan(5);
    expect(bursts).toBeLessThan(40);
  });

  it("lets it grow to 32 times and no further", () => {
    const { limiter, tryOnce } = shedding();
    limiter.view(T0);
    let most = 0;
    for (let bucket = 1; bucket <= 85; bucket += 1) {
      for (
        let count = 0;
        count < 5_000 && limiter.admit(T0 + 1_000 + 100 * bucket, "critical_plus");
        count += 1
      );
      most = Math.max(most, tryOnce(bucket));
    }
    expect(most).toBe(3_200);
  });

  it("lets it shrink again, down to what was measured, when the pressure comes near the trigger", () => {
    const { limiter, pressure, tryOnce } = shedding();
    for (let bucket = 1; bucket <= 4; bucket += 1) {
      admitted(limiter, 1_000 + 100 * bucket - 1);
      tryOnce(bucket);
    }
    const grown = tryOnce(4);
    expect(grown).toBe(121);
    pressure.over = 0.75;
    expect(tryOnce(5)).toBe(115);
    pressure.over = 0.74;
    expect(tryOnce(6)).toBe(121);
    pressure.over = 0.75;
    for (let bucket = 7; bucket <= 14; bucket += 1) tryOnce(bucket);
    expect(tryOnce(15)).toBe(100);
  });
});

describe("a bbr limiter's accounts", () => {
  it("tell the pressure of work that starts and ends, with the best time and what is in flight", () => {
    const { limiter, pressure } = limiterOf();
    limiter.admit(T0, "critical");
    limiter.admit(T0 + 1, "critical");
    limiter.done(T0 + 40, T0, "success");
    limiter.done(T0 + 140, T0 + 1, "success");
    expect(pressure.told).toEqual([
      ["start", T0, 1],
      ["start", T0 + 1, 2],
      ["done", T0 + 40, 40, 1_000, 1],
      ["done", T0 + 140, 139, 40, 0],
    ]);
  });

  it("tell it of failures that took longer than the best time, and of what the upstream refused", () => {
    const { limiter, pressure } = limiterOf();
    pass(limiter, 0, 1, 40);
    const { length } = pressure.told;
    limiter.done(T0 + 200, T0 + 160, "failure");
    limiter.done(T0 + 200, T0 + 159, "failure");
    limiter.done(T0 + 200, T0 + 199, "overloaded");
    limiter.done(T0 + 200, T0 + 150, "overloaded");
    expect(pressure.told.slice(length)).toEqual([
      ["done", T0 + 200, 41, 40, 0],
      ["overloaded", T0 + 200],
      ["overloaded", T0 + 200],
      ["done", T0 + 200, 50, 40, 0],
    ]);
  });

  it("are never below zero, nor is a time, whatever the clock or the caller does", () => {
    const { limiter, pressure } = limiterOf();
    limiter.done(T0, T0 + 500, "success");
    expect(limiter.view(T0).inFlight).toBe(0);
    expect(pressure.told).toEqual([["done", T0, 0, 1_000, 0]]);
  });

  it("are right after any calls: what was admitted and not ended is in flight, and little is never shed", () => {
    const step = fc.record({
      afterMs: fc.integer({ min: -20_000, max: 3_000 }),
      admits: fc.nat(60),
      ends: fc.nat(60),
      outcome: fc.constantFrom("success", "failure", "overloaded"),
      criticality: fc.constantFrom<Criticality>("critical_plus", "critical", "sheddable_plus", "sheddable"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const limiter = new BbrLimiter();
        let nowMs = T0;
        let inFlight = 0;
        for (const { afterMs, admits, ends, outcome, criticality } of steps) {
          nowMs += afterMs;
          for (let count = 0; count < admits; count += 1) {
            const isAdmitted = limiter.admit(nowMs, criticality);
            expect(isAdmitted || inFlight > 16).toBe(true);
            if (isAdmitted) inFlight += 1;
          }
          for (let count = 0; count < Math.min(ends, inFlight); count += 1)
            limiter.done(nowMs, nowMs - 30, outcome);
          inFlight -= Math.min(ends, inFlight);
          const view = limiter.view(nowMs);
          expect(view.inFlight).toBe(inFlight);
          expect(view.limit).toBeGreaterThanOrEqual(16);
        }
      }),
    );
  });
});

describe("a bbr limiter's options", () => {
  it.each([0, 100_001, 1.5, Number.NaN])("may not have a floor of %s", (inFlightFloor) => {
    const refused = new RangeError(`inFlightFloor must be an integer in [1, 100000], got ${inFlightFloor}`);
    expect(() => new BbrLimiter({ inFlightFloor })).toThrow(refused);
  });

  it.each([0, 60_001, 1.5])("may not have a least response time of %s", (rtFloorMs) => {
    expect(() => new BbrLimiter({ rtFloorMs })).toThrow(
      new RangeError(`rtFloorMs must be an integer in [1, 60000], got ${rtFloorMs}`),
    );
  });

  it("may be at the ends of their intervals", () => {
    expect(new BbrLimiter({ inFlightFloor: 100_000, rtFloorMs: 60_000 }).view(T0).inFlight).toBe(0);
    expect(new BbrLimiter({ inFlightFloor: 1, rtFloorMs: 1 }).view(T0).inFlight).toBe(0);
  });
});
