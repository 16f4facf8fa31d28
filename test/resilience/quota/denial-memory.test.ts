import { describe, expect, it } from "vitest";
import { DenialMemory } from "../../../src/resilience/quota/denial-memory.ts";

const denial = (retryAfterMs: number, remaining = 0) => ({
  allowed: false,
  remaining,
  resetMs: retryAfterMs,
  retryAfterMs,
});

describe("a remembered denial", () => {
  it("knows nothing at first", () => {
    expect(new DenialMemory().recall(0, 1)).toBeNull();
  });

  it("holds until what was missing is free, with the wait that is left", () => {
    const memory = new DenialMemory();
    memory.remember(1000, 1, denial(50));
    expect(memory.recall(1000, 1)).toEqual(denial(50));
    expect(memory.recall(1049, 1)).toEqual(denial(1));
    expect(memory.recall(1050, 1)).toBeNull();
  });

  it("holds for what costs as much or more, and not for what costs less", () => {
    const memory = new DenialMemory();
    memory.remember(0, 3, denial(50, 2));
    expect([memory.recall(0, 2), memory.recall(0, 3), memory.recall(0, 4)]).toEqual([
      null,
      denial(50, 2),
      denial(50, 2),
    ]);
  });

  it("is the cheaper one of two in force", () => {
    const memory = new DenialMemory();
    memory.remember(0, 3, denial(50));
    memory.remember(10, 5, denial(90));
    expect(memory.recall(10, 3)).toEqual(denial(40));
    memory.remember(20, 1, denial(5));
    expect([memory.recall(24, 1), memory.recall(25, 5)]).toEqual([denial(1), null]);
  });

  it("gives way to a newer one of the same cost, and to any once it is over", () => {
    const memory = new DenialMemory();
    memory.remember(0, 3, denial(50));
    memory.remember(10, 3, denial(60));
    expect(memory.recall(69, 3)).toEqual(denial(1));
    memory.remember(70, 5, denial(30));
    expect([memory.recall(99, 5), memory.recall(99, 3)]).toEqual([denial(1), null]);
  });
});
