import { describe, expect, it } from "vitest";
import { UntoldUnits } from "../../../src/resilience/quota/untold-units.ts";

const LIMIT = { limit: 100, windowMs: 60_000 };

describe("units that a server was not told of", () => {
  it("wait, are carried by one message, and are told", () => {
    const untold = new UntoldUnits(LIMIT);
    untold.add(0, 3);
    untold.add(10, 2);
    expect([untold.waiting, untold.carried, untold.carriedBy]).toEqual([5, 0, null]);
    expect(untold.carry(20, "ask")).toBe(5);
    untold.add(30, 1);
    expect([untold.waiting, untold.carried, untold.carriedBy]).toEqual([1, 5, "ask"]);
    untold.told();
    expect([untold.waiting, untold.carried, untold.carriedBy]).toEqual([1, 0, null]);
  });

  it("are told again where their message is lost, which it is after five seconds", () => {
    const untold = new UntoldUnits(LIMIT);
    untold.add(0, 3);
    untold.carry(0, "background");
    untold.advance(5_000);
    expect([untold.waiting, untold.carried]).toEqual([0, 3]);
    untold.advance(5_001);
    expect([untold.waiting, untold.carried, untold.carriedBy]).toEqual([3, 0, null]);
  });

  it("are never more than the limit, and never older than the window", () => {
    const untold = new UntoldUnits(LIMIT);
    untold.add(0, 99);
    untold.add(0, 2);
    expect(untold.waiting).toBe(100);
    untold.advance(59_999);
    expect(untold.waiting).toBe(100);
    untold.advance(60_000);
    expect(untold.waiting).toBe(0);
    const lost = new UntoldUnits(LIMIT);
    lost.add(0, 1);
    lost.carry(0, "ask");
    lost.advance(60_000);
    expect(lost.waiting).toBe(0);
  });
});
