import { describe, expect, it } from "vitest";
import { OnlookerLimiter } from "../../../src/resilience/overload/onlooker-limiter.ts";
import type { OverloadLimiter } from "../../../src/resilience/overload/overload-limiter.ts";

const T0 = 1_000_000;

/** Onlookers at work that is in such a state, and what was told to its limiter. */
function onlookers(view: ReturnType<OverloadLimiter["view"]>) {
  const told: string[] = [];
  const work: OverloadLimiter = {
    admit: () => told.push("admit") > 0,
    done: () => void told.push("done"),
    view: () => view,
  };
  return { limiter: new OnlookerLimiter(work), told };
}

describe("the limiter of onlookers", () => {
  it("admits all while the work isn't shed, however much of it there is", () => {
    const { limiter } = onlookers({ inFlight: 1_000, limit: 100, shedding: false });
    expect(limiter.admit(T0, "sheddable")).toBe(true);
  });

  it("admits as far as the work of their class might come while it is shed", () => {
    const admitted = (inFlight: number) =>
      (["sheddable", "sheddable_plus", "critical", "critical_plus"] as const).map((criticality) =>
        onlookers({ inFlight, limit: 100, shedding: true }).limiter.admit(T0, criticality),
      );
    expect(admitted(50)).toEqual([true, true, true, true]);
    expect(admitted(51)).toEqual([false, true, true, true]);
    expect(admitted(71)).toEqual([false, false, true, true]);
    expect(admitted(91)).toEqual([false, false, false, true]);
    expect(admitted(101)).toEqual([false, false, false, false]);
  });

  it("is not felt by the work: nobody is counted, no time is told, and shows what the work's does", () => {
    const view = { inFlight: 101, limit: 100, shedding: true };
    const { limiter, told } = onlookers(view);
    limiter.admit(T0, "sheddable");
    limiter.admit(T0, "critical_plus");
    limiter.done();
    expect(told).toEqual([]);
    expect(limiter.view(T0)).toEqual(view);
  });
});
