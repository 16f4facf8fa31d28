import { describe, expect, it } from "vitest";
import { LeaseDemand } from "../../../src/resilience/quota/lease-demand.ts";

const HOLD_MS = 1000;

/** A holder that has used this many units in the hold before the one that starts at 1000. */
function used(units: number): LeaseDemand {
  const demand = new LeaseDemand(HOLD_MS);
  demand.used(0, units);
  return demand;
}

describe("the demand of a lease's holder", () => {
  it("is nothing for one that uses less than four units per hold", () => {
    expect([used(3).size(999), used(4).size(999), used(3).size(1000), used(4).size(1000)]).toEqual([
      0, 4, 0, 4,
    ]);
  });

  it("follows what was used in the last hold, until it used none", () => {
    const demand = used(10);
    expect([demand.size(1000), demand.size(1999), demand.size(2000)]).toEqual([10, 10, 0]);
  });

  it("is forgotten after a pause of more than a hold", () => {
    expect(used(10).size(2000)).toBe(0);
  });

  it("grows within a hold, so that sizes double", () => {
    const demand = used(10);
    demand.used(1100, 9);
    expect(demand.size(1100)).toBe(10);
    demand.used(1200, 5);
    expect(demand.size(1200)).toBe(14);
    expect(demand.size(2100)).toBe(14);
  });

  it("shrinks with the use", () => {
    const demand = used(10);
    demand.used(1500, 5);
    expect([demand.size(1999), demand.size(2000), demand.size(3000)]).toEqual([10, 5, 0]);
  });

  it("wants more when a quarter of the units is left, and not before", () => {
    const demand = used(40);
    expect([demand.wantsMore(1000, 11, 9000), demand.wantsMore(1000, 10, 9000)]).toEqual([false, true]);
  });

  it("wants more when a quarter of the hold is left, and not before", () => {
    const demand = used(40);
    expect([demand.wantsMore(1000, 40, 1251), demand.wantsMore(1000, 40, 1250)]).toEqual([false, true]);
  });

  it("wants nothing for a slow holder", () => {
    expect(used(3).wantsMore(1000, 0, 0)).toBe(false);
  });

  it("wants more two round trips before it runs dry", () => {
    const demand = used(40);
    demand.tookMs(200);
    expect([demand.wantsMore(1000, 17, 9000), demand.wantsMore(1000, 16, 9000)]).toEqual([false, true]);
    expect([demand.wantsMore(1000, 40, 1401), demand.wantsMore(1000, 40, 1400)]).toEqual([false, true]);
  });

  it("remembers slow answers for a while, within a second", () => {
    const demand = new LeaseDemand(HOLD_MS);
    expect(demand.rttMs).toBe(50);
    demand.tookMs(80);
    expect(demand.rttMs).toBe(80);
    demand.tookMs(0);
    expect(demand.rttMs).toBe(70);
    demand.tookMs(65);
    expect(demand.rttMs).toBe(65);
    demand.tookMs(5000);
    expect(demand.rttMs).toBe(1000);
  });
});
