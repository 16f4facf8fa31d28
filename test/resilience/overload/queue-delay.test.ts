import { describe, expect, it } from "vitest";
import { QueueDelay } from "../../../src/resilience/overload/queue-delay.ts";

const T0 = 1_700_000_000_000;

describe("a queue", () => {
  it("stands when for 100 ms everything has waited more than 20 ms", () => {
    const queue = new QueueDelay();
    for (let ms = 0; ms < 100; ms += 1) {
      queue.observe(T0 + ms, 21);
      expect(queue.isStanding(T0 + ms)).toBe(false);
    }
    queue.observe(T0 + 100, 21);
    expect(queue.isStanding(T0 + 100)).toBe(true);
  });

  it("does not stand if something was taken up within 20 ms", () => {
    const queue = new QueueDelay();
    queue.observe(T0, 500);
    queue.observe(T0 + 99, 20);
    queue.observe(T0 + 150, 150);
    queue.observe(T0 + 249, 249);
    expect(queue.isStanding(T0 + 249)).toBe(false);
    queue.observe(T0 + 250, 250);
    expect(queue.isStanding(T0 + 250)).toBe(true);
    queue.observe(T0 + 251, 0);
    expect(queue.isStanding(T0 + 251)).toBe(false);
  });

  it("that was seen standing an hour ago is not believed to stand now", () => {
    const queue = new QueueDelay();
    queue.observe(T0, 50);
    queue.observe(T0 + 100, 50);
    expect(queue.isStanding(T0 + 1_100)).toBe(true);
    expect(queue.isStanding(T0 + 1_101)).toBe(false);
    // Nor is one late piece after an hour the end of an hour of lateness.
    queue.observe(T0 + 3_600_000, 50);
    expect(queue.isStanding(T0 + 3_600_000)).toBe(false);
  });

  it("is not made to stand by a clock that is set back, nor kept standing", () => {
    const queue = new QueueDelay();
    queue.observe(T0, 50);
    queue.observe(T0 + 100, 50);
    expect(queue.isStanding(T0 - 300_000)).toBe(false);
    queue.observe(T0 - 300_000, 50);
    expect(queue.isStanding(T0 - 300_000)).toBe(false);
    queue.observe(T0 - 299_900, 50);
    expect(queue.isStanding(T0 - 299_900)).toBe(true);
  });

  it("refuses options out of range by name", () => {
    expect(() => new QueueDelay({ targetMs: 0 })).toThrow("targetMs must be an integer in [1, 60000], got 0");
    expect(() => new QueueDelay({ sustainedMs: 60_001 })).toThrow(
      "sustainedMs must be an integer in [1, 60000], got 60001",
    );
    expect(() => new QueueDelay({ freshMs: 0 })).toThrow("freshMs must be an integer in [1, 60000], got 0");
    const quick = new QueueDelay({ targetMs: 1, sustainedMs: 1 });
    quick.observe(T0, 2);
    quick.observe(T0 + 1, 2);
    expect(quick.isStanding(T0 + 1)).toBe(true);
  });
});
