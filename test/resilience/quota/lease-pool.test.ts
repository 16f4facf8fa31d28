import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeasePool } from "../../../src/resilience/quota/lease-pool.ts";

describe("a pool of leased units", () => {
  it("is empty at first, and spends what was added", () => {
    const pool = new LeasePool();
    expect([pool.units, pool.unused, pool.spend(1), pool.spend(0)]).toEqual([0, 0, false, true]);
    pool.add(2, 100);
    expect([pool.units, pool.endsAtMs, pool.spend(3), pool.spend(2), pool.units]).toEqual([
      2,
      100,
      false,
      true,
      0,
    ]);
  });

  it("spends the older units first, and across both generations", () => {
    const pool = new LeasePool();
    pool.add(3, 100);
    pool.add(3, 200);
    expect([pool.units, pool.endsAtMs, pool.spend(2)]).toEqual([6, 200, true]);
    expect([pool.spend(2), pool.units]).toEqual([true, 2]);
    pool.expire(100);
    expect([pool.units, pool.unused]).toEqual([2, 0]);
  });

  it("takes units out of use when their lease ends, and not before", () => {
    const pool = new LeasePool();
    pool.add(3, 100);
    pool.add(4, 200);
    pool.expire(99);
    expect([pool.units, pool.unused]).toEqual([7, 0]);
    pool.expire(100);
    expect([pool.units, pool.unused, pool.endsAtMs]).toEqual([4, 3, 200]);
    pool.expire(199);
    expect(pool.units).toBe(4);
    pool.expire(200);
    expect([pool.units, pool.unused]).toEqual([0, 7]);
    expect([pool.takeUnused(), pool.takeUnused(), pool.unused]).toEqual([7, 0, 0]);
  });

  it("takes a younger generation that ends first out of use first", () => {
    const pool = new LeasePool();
    pool.add(3, 200);
    pool.add(4, 100);
    pool.expire(100);
    expect([pool.units, pool.unused, pool.endsAtMs]).toEqual([3, 4, 200]);
    pool.expire(200);
    expect([pool.units, pool.unused]).toEqual([0, 7]);
  });

  it("lets a third lease join the second, for the shorter time", () => {
    const pool = new LeasePool();
    pool.add(1, 100);
    pool.add(2, 300);
    pool.add(4, 200);
    expect(pool.endsAtMs).toBe(200);
    pool.add(8, 250);
    expect(pool.endsAtMs).toBe(200);
    pool.expire(200);
    expect([pool.units, pool.unused]).toEqual([0, 15]);
  });

  it("starts the next generation when the first is spent", () => {
    const pool = new LeasePool();
    pool.add(1, 100);
    pool.add(2, 200);
    pool.spend(1);
    pool.add(4, 300);
    pool.expire(200);
    expect([pool.units, pool.unused, pool.endsAtMs]).toEqual([4, 2, 300]);
  });

  it("spends what is left of the second generation before a third", () => {
    const pool = new LeasePool();
    pool.add(1, 100);
    pool.add(2, 200);
    pool.spend(1);
    pool.add(4, 300);
    pool.spend(2);
    pool.expire(200);
    expect([pool.units, pool.unused]).toEqual([4, 0]);
  });

  it("is not touched by a lease of nothing", () => {
    const pool = new LeasePool();
    pool.add(0, 50);
    expect([pool.units, pool.endsAtMs]).toEqual([0, 0]);
    pool.add(5, 100);
    pool.add(0, 50);
    pool.add(-3, 50);
    expect([pool.units, pool.endsAtMs]).toEqual([5, 100]);
    pool.add(2, 200);
    pool.add(0, 50);
    expect([pool.units, pool.endsAtMs]).toEqual([7, 200]);
  });

  it("loses no unit, and keeps none beyond its lease", () => {
    const add = fc.record({ kind: fc.constant("add" as const), units: fc.nat(9), holdMs: fc.nat(50) });
    const spend = fc.record({
      kind: fc.constant("spend" as const),
      units: fc.nat(9),
      holdMs: fc.constant(0),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(add, spend), fc.nat(20)), { maxLength: 100 }), (steps) => {
        const pool = new LeasePool();
        let nowMs = 0;
        let added = 0;
        let spent = 0;
        let longestMs = 0;
        let spendsRightly = true;
        for (const [{ kind, units, holdMs }, afterMs] of steps) {
          nowMs += afterMs;
          pool.expire(nowMs);
          expect(nowMs >= longestMs && pool.units > 0).toBe(false);
          if (kind === "add") {
            pool.add(units, nowMs + holdMs);
            added += units;
            longestMs = Math.max(longestMs, nowMs + holdMs);
          } else {
            const fits = units <= pool.units;
            spendsRightly &&= pool.spend(units) === fits;
            if (fits) spent += units;
          }
          expect(pool.units + pool.unused + spent).toBe(added);
        }
        expect(spendsRightly).toBe(true);
      }),
    );
  });
});
