import { describe, expect, it } from "vitest";
import { AimdLimiter } from "../../../src/resilience/overload/aimd-limiter.ts";
import { BbrLimiter } from "../../../src/resilience/overload/bbr-limiter.ts";
import { Gradient2Limiter } from "../../../src/resilience/overload/gradient2-limiter.ts";
import { OVERLOAD_LIMITERS, overloadLimiter } from "../../../src/resilience/overload/overload-limiters.ts";
import { VegasLimiter } from "../../../src/resilience/overload/vegas-limiter.ts";

describe("a limiter", () => {
  it("is made by its name", () => {
    const classes = OVERLOAD_LIMITERS.map((kind) => overloadLimiter(kind).constructor);
    expect(classes).toEqual([BbrLimiter, AimdLimiter, VegasLimiter, Gradient2Limiter]);
  });

  it("admits work when it is new, of each kind", () => {
    for (const kind of OVERLOAD_LIMITERS) expect(overloadLimiter(kind).admit(0, "sheddable")).toBe(true);
  });

  it("is given its least response time where it has one", () => {
    expect(() => overloadLimiter("bbr", { rtFloorMs: 0 })).toThrow(
      "rtFloorMs must be an integer in [1, 60000], got 0",
    );
    for (const kind of OVERLOAD_LIMITERS) expect(() => overloadLimiter(kind, { rtFloorMs: 5 })).not.toThrow();
  });
});
