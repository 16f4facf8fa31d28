import { describe, expect, it } from "vitest";
import { QueueDelay } from "../../src/resilience/queue-delay.ts";

const T0 = 1_700_000_000_000;

describe("a queue", () => {
  it("stands when for 100 ms everything has waited more than 20 ms", () => {
    const queue = new QueueDelay();
    for (let ms = 0; ms < 100; ms += 1) {
      queue.observe(T0 + ms, T0 + ms - 21);
      expect(queue.isStanding).toBe(false);
    }
    queue.observe(T0 + 100, T0 + 79);
    expect(queue.isStanding).toBe(true);
  });

  it("does not stand if something was taken up within 20 ms", () => {
    const queue = new QueueDelay();
    queue.observe(T0, T0 - 500);
    queue.observe(T0 + 99, T0 + 79);
    queue.observe(T0 + 150, T0);
    queue.observe(T0 + 249, T0);
    expect(queue.isStanding).toBe(false);
    queue.observe(T0 + 250, T0);
    expect(queue.isStanding).toBe(true);
    queue.observe(T0 + 251, T0 + 251);
    expect(queue.isStanding).toBe(false);
  });

  it("is not made to stand by clocks: a sender's that is ahead, or its own that steps back", () => {
    const queue = new QueueDelay();
    queue.observe(T0, T0 + 5_000);
    queue.observe(T0 + 1_000, T0);
    queue.observe(T0 - 60_000, T0 - 61_000);
    queue.observe(T0 + 1_099, T0);
    expect(queue.isStanding).toBe(false);
    queue.observe(T0 + 1_100, T0);
    expect(queue.isStanding).toBe(true);
  });

  it("refuses options out of range by name", () => {
    expect(() => new QueueDelay({ targetMs: 0 })).toThrow("targetMs must be an integer in [1, 60000], got 0");
    expect(() => new QueueDelay({ sustainedMs: 60_001 })).toThrow("sustainedMs must be an integer in [1, 60000], got 60001");
    const quick = new QueueDelay({ targetMs: 1, sustainedMs: 1 });
    quick.observe(T0, T0 - 2);
    quick.observe(T0 + 1, T0 - 1);
    expect(quick.isStanding).toBe(true);
  });
});
