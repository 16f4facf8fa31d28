import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import type { RateQuota } from "../../../src/resilience/quota/rate-limit.ts";

const stored = (quota: RateQuota): unknown => JSON.parse(JSON.stringify(quota.state));
const START_MS = 1_800_000_000_000;

/** A quota with these units counted, `ago` ms before the start. */
function used(
  limit: number,
  windowMs: number,
  units: readonly { readonly ago: number; readonly cost: number }[],
): RateQuota {
  const quota = quotaFor({ limit, windowMs });
  for (const { ago, cost } of units) quota.take(START_MS - ago, cost);
  quota.peek(START_MS, 0);
  return quota;
}

describe("the quota for a limit", () => {
  it("is an exact log up to 100 units, and six slices above", () => {
    expect(quotaFor({ limit: 100, windowMs: 1000 }).state).toMatchObject({
      kind: "log",
      limit: 100,
      windowMs: 1000,
    });
    expect(quotaFor({ limit: 101, windowMs: 1000 }).state).toMatchObject({
      kind: "slices",
      counts: [0, 0, 0, 0, 0, 0, 0],
    });
  });

  it.each([10, 600])("comes back from its state as it was (limit %i)", (limit) => {
    const before = used(limit, 6000, [
      { ago: 5500, cost: 4 },
      { ago: 2500, cost: 3 },
      { ago: 10, cost: 2 },
    ]);
    const after = quotaFor({ limit, windowMs: 6000 }, stored(before));
    expect(after.state).toEqual(before.state);
    expect(after.take(START_MS + 1000, 2)).toEqual(before.take(START_MS + 1000, 2));
  });

  it("carries the units of a log over to another log, keeping their times", () => {
    const state = stored(
      used(10, 6000, [
        { ago: 5000, cost: 4 },
        { ago: 100, cost: 3 },
      ]),
    );
    const larger = quotaFor({ limit: 20, windowMs: 6000 }, state);
    expect(larger.peek(START_MS, 0)).toMatchObject({ remaining: 13, resetMs: 1000 });
    const smaller = quotaFor({ limit: 5, windowMs: 6000 }, state);
    expect(smaller.peek(START_MS, 1)).toMatchObject({ allowed: false, retryAfterMs: 1000 });
    const shorter = quotaFor({ limit: 10, windowMs: 1000 }, state);
    expect(shorter.peek(START_MS, 0)).toMatchObject({ remaining: 7, resetMs: 900 });
    const longer = quotaFor({ limit: 10, windowMs: 60_000 }, state);
    expect(longer.peek(START_MS, 0)).toMatchObject({ remaining: 3, resetMs: 55_000 });
  });

  it("carries the units of a log over to slices", () => {
    const quota = quotaFor({ limit: 600, windowMs: 6000 }, stored(used(10, 6000, [{ ago: 2500, cost: 4 }])));
    expect(quota.state).toMatchObject({ kind: "slices", counts: [0, 0, 0, 0, 0, 0, 4] });
    expect(quota.peek(START_MS, 0).remaining).toBe(596);
  });

  it("carries the units of slices over, each at its slice's end", () => {
    const state = stored(
      used(600, 6000, [
        { ago: 2500, cost: 4 },
        { ago: 0, cost: 3 },
      ]),
    );
    expect(quotaFor({ limit: 10, windowMs: 6000 }, state).state).toMatchObject({
      kind: "log",
      times: [
        ...Array.from({ length: 4 }, () => START_MS - 2001),
        ...Array.from({ length: 3 }, () => START_MS),
      ],
    });
    const larger = quotaFor({ limit: 1200, windowMs: 6000 }, state);
    expect(larger.state).toMatchObject({
      kind: "slices",
      limit: 1200,
      counts: [0, 0, 0, 4, 0, 0, 3],
      atMs: START_MS,
    });
    const longer = quotaFor({ limit: 600, windowMs: 12_000 }, state);
    expect(longer.state).toMatchObject({
      windowMs: 12_000,
      slot: START_MS / 2000,
      counts: [0, 0, 0, 0, 4, 0, 3],
    });
    expect(longer.peek(START_MS, 0).remaining).toBe(593);
  });

  it("carries over no more than eight times a smaller limit, so that its sums stay exact", () => {
    const smaller = quotaFor(
      { limit: 101, windowMs: 6000 },
      stored(used(1200, 6000, [{ ago: 0, cost: 1200 }])),
    );
    expect(smaller.state).toMatchObject({ limit: 101, counts: [0, 0, 0, 0, 0, 0, 808] });
  });

  it("takes its time from its state only if the limit and the window are still the same", () => {
    const state = { kind: "log", limit: 10, windowMs: 6000, times: [START_MS], atMs: START_MS + 5000 };
    const atMsOf = (limit: number, windowMs: number): unknown => quotaFor({ limit, windowMs }, state).state;
    expect(atMsOf(10, 6000)).toMatchObject({ times: [START_MS], atMs: START_MS + 5000 });
    expect(atMsOf(11, 6000)).toMatchObject({ times: [START_MS], atMs: START_MS });
    expect(atMsOf(10, 6001)).toMatchObject({ times: [START_MS], atMs: START_MS });
  });

  it("counts carried units by the new window", () => {
    const state = stored(used(600, 6000, [{ ago: 2500, cost: 4 }]));
    const longer = quotaFor({ limit: 600, windowMs: 60_000 }, state);
    expect(longer.peek(START_MS + 50_000, 0).remaining).toBe(596);
    expect(longer.peek(START_MS + 70_000, 0).remaining).toBe(600);
    const shorter = quotaFor({ limit: 600, windowMs: 3000 }, state);
    expect(shorter.peek(START_MS + 400, 0).remaining).toBe(596);
    expect(shorter.peek(START_MS + 1500, 0).remaining).toBe(600);
  });

  it("carries over counts of another number of slices", () => {
    const state = { kind: "slices", limit: 600, windowMs: 6000, slot: 1, counts: [5, 6], atMs: 7000 };
    expect(quotaFor({ limit: 600, windowMs: 6000 }, state).state).toMatchObject({
      slot: 7,
      counts: [0, 0, 0, 0, 5, 0, 6],
      atMs: 7000,
    });
  });

  it("frees no unit earlier after a change of the limit, whatever was used", () => {
    const limits = fc.record({
      limit: fc.constantFrom(5, 100, 101, 500),
      windowMs: fc.constantFrom(500, 1000, 6000),
    });
    const units = fc.array(fc.record({ ago: fc.nat(2000), cost: fc.integer({ min: 1, max: 20 }) }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(limits, limits, units, (from, to, units) => {
        const sorted = units.toSorted((a, b) => b.ago - a.ago);
        const before = used(from.limit, from.windowMs, sorted);
        const after = quotaFor({ ...to, windowMs: from.windowMs }, stored(before));
        const inUse = from.limit - before.peek(START_MS, 0).remaining;
        expect(after.peek(START_MS, 0).remaining).toBeLessThanOrEqual(Math.max(0, to.limit - inUse));
      }),
    );
  });

  const log = { kind: "log", limit: 10, windowMs: 1000, times: [1, 1], atMs: 1 };
  const slices = {
    kind: "slices",
    limit: 600,
    windowMs: 1000,
    slot: 0,
    counts: [0, 0, 0, 0, 0, 0, 9],
    atMs: 1,
  };

  it("takes up the states that the next tests spoil", () => {
    expect(quotaFor({ limit: 10, windowMs: 1000 }, log).peek(1, 0).remaining).toBe(8);
    expect(
      quotaFor({ limit: 10, windowMs: 1000 }, { ...log, times: Array.from({ length: 100 }, () => 1) }).peek(
        1,
        0,
      ).remaining,
    ).toBe(0);
    expect(quotaFor({ limit: 600, windowMs: 1000 }, slices).peek(1, 0).remaining).toBe(591);
  });

  it.each([
    undefined,
    null,
    "log",
    7,
    [],
    {},
    { ...log, kind: "other" },
    { ...log, kind: "gcra" },
    { ...log, limit: "10" },
    { ...log, windowMs: -1 },
    { ...log, atMs: Number.NaN },
    { ...log, times: 7 },
    { ...log, times: ["1"] },
    { ...log, times: [1, 1.5] },
    { ...log, times: Array.from({ length: 101 }, () => 1) },
    { ...slices, slot: undefined },
    { ...slices, slot: -1 },
    { ...slices, counts: [9] },
    { ...slices, counts: undefined },
    { ...slices, counts: [0, -1] },
    { ...slices, kind: "log" },
    { ...log, kind: "slices" },
  ])("starts afresh from %o", (state) => {
    for (const limit of [10, 600]) {
      expect(quotaFor({ limit, windowMs: 1000 }, state).state).toEqual(
        quotaFor({ limit, windowMs: 1000 }).state,
      );
    }
  });

  it("refuses a limit that is none", () => {
    expect(() => quotaFor({ limit: 0, windowMs: 1000 })).toThrow(
      "limit must be an integer in [1, 1000000], got 0",
    );
  });
});
