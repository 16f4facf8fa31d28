import { describe, expect, it } from "vitest";
import { AimdLimiter } from "../../../src/resilience/overload/aimd-limiter.ts";
import { LimitDriver } from "../support/limit-driver.ts";

describe("an AIMD limiter", () => {
  it("grows by one for each success while at least half of the limit is in use", () => {
    expect(new LimitDriver(new AimdLimiter(), 32).end(1, 20).limit).toBe(65);
    expect(new LimitDriver(new AimdLimiter(), 31).end(1, 20).limit).toBe(64);
  });

  it("shrinks by a tenth when it is told that the upstream is overloaded, used or not", () => {
    expect(new LimitDriver(new AimdLimiter({ initialLimit: 100 }), 1).end(1, 1, "overloaded").limit).toBe(90);
  });

  it("shrinks by a tenth when work takes more than half a second, be it a success or not", () => {
    const slow = (rtMs: number, outcome: "success" | "failure") =>
      new LimitDriver(new AimdLimiter({ initialLimit: 100 }), 1).end(1, rtMs, outcome).limit;
    expect(slow(500, "success")).toBe(100);
    expect(slow(501, "success")).toBe(90);
    expect(slow(500, "failure")).toBe(100);
    expect(slow(501, "failure")).toBe(90);
  });

  it("learns nothing from a quick failure, however full it is", () => {
    expect(new LimitDriver(new AimdLimiter(), 64).end(10, 1, "failure").limit).toBe(64);
  });

  it("stays within its limits", () => {
    expect(new LimitDriver(new AimdLimiter(), 64).end(100, 600).limit).toBe(32);
    expect(new LimitDriver(new AimdLimiter({ maxLimit: 70 }), 64).end(100, 1).limit).toBe(70);
  });

  it("backs off by another ratio, from another slowness on", () => {
    const limiter = new AimdLimiter({ initialLimit: 100, backoffRatio: 0.5, slowMs: 10 });
    expect(new LimitDriver(limiter, 1).end(1, 10).limit).toBe(100);
    expect(new LimitDriver(limiter, 1).end(1, 11).limit).toBe(50);
  });

  it("refuses options out of range, and takes those at their edges", () => {
    const make = (options: ConstructorParameters<typeof AimdLimiter>[0]) => () => new AimdLimiter(options);
    expect(make({ backoffRatio: 0.49 })).toThrow(
      new RangeError("backoffRatio must be in [0.5, 1), got 0.49"),
    );
    expect(make({ backoffRatio: 1 })).toThrow(new RangeError("backoffRatio must be in [0.5, 1), got 1"));
    expect(make({ slowMs: 0 })).toThrow(new RangeError("slowMs must be in (0, 60000], got 0"));
    expect(make({ slowMs: 60_001 })).toThrow(new RangeError("slowMs must be in (0, 60000], got 60001"));
    expect(make({ minLimit: 0 })).toThrow(new RangeError("minLimit must be an integer in [1, 1000], got 0"));
    expect(make({ backoffRatio: 0.5, slowMs: 60_000 })).not.toThrow();
  });
});
