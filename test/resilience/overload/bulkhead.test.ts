import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bulkhead, BulkheadFullError } from "../../../src/resilience/overload/bulkhead.ts";

/** Who has got in, in the order of getting in. */
function visitors(bulkhead: Bulkhead) {
  const inside: string[] = [];
  const enter = (name: string): Promise<void> => bulkhead.enter().then(() => void inside.push(name));
  return { inside, enter };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a bulkhead", () => {
  it("lets in as many as it has places, and the next when one leaves", () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 2 });
    expect([bulkhead.tryEnter(), bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([true, true, false]);
    bulkhead.leave();
    expect([bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([true, false]);
  });

  it("lets nobody wait unless it is told to", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1 });
    await bulkhead.enter();
    await expect(bulkhead.enter()).rejects.toThrow(new BulkheadFullError("all 1 places are taken"));
    await expect(bulkhead.enter()).rejects.toBeInstanceOf(BulkheadFullError);
    await expect(bulkhead.enter()).rejects.toHaveProperty("name", "BulkheadFullError");
    bulkhead.leave();
    expect(bulkhead.tryEnter()).toBe(true);
  });

  it("lets so many wait, and gives them places in their order", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 2 });
    const { inside, enter } = visitors(bulkhead);
    await enter("a");
    const b = enter("b");
    const c = enter("c");
    await expect(enter("d")).rejects.toThrow(BulkheadFullError);
    bulkhead.leave();
    await b;
    expect(inside).toEqual(["a", "b"]);
    // Whoever has left the queue is no longer counted in it.
    const e = enter("e");
    bulkhead.leave();
    await c;
    bulkhead.leave();
    await e;
    expect(inside).toEqual(["a", "b", "c", "e"]);
  });

  it("gives nobody the place that someone waits for", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 1 });
    await bulkhead.enter();
    const waiter = bulkhead.enter();
    bulkhead.leave();
    expect(bulkhead.tryEnter()).toBe(false);
    await waiter;
    bulkhead.leave();
    expect(bulkhead.tryEnter()).toBe(true);
  });

  it("tells whoever leaves twice", () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1 });
    bulkhead.tryEnter();
    bulkhead.leave();
    expect(() => bulkhead.leave()).toThrow(new Error("nobody is in the bulkhead"));
    expect([bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([true, false]);
  });

  it("never has more inside than places nor more waiting than it may, and nobody waits before a free place", async () => {
    const runs = fc.record({
      maxConcurrent: fc.integer({ min: 1, max: 4 }),
      queueMax: fc.nat(4),
      steps: fc.array(fc.constantFrom("enter", "try", "leave"), { maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ maxConcurrent, queueMax, steps }) => {
        const bulkhead = new Bulkhead({ maxConcurrent, queueMax });
        let inside = 0;
        let waiting = 0;
        const wronglyAnswered: string[] = [];
        for (const step of steps) {
          if (step === "try") inside += bulkhead.tryEnter() ? 1 : 0;
          else if (step === "leave" && inside > 0) {
            inside -= 1;
            bulkhead.leave();
          } else if (step === "enter") {
            const isFull = inside === maxConcurrent && waiting === queueMax;
            let isRefused = false;
            waiting += 1;
            bulkhead.enter().then(
              () => {
                inside += 1;
                waiting -= 1;
              },
              () => {
                isRefused = true;
                waiting -= 1;
              },
            );
            await settled();
            if (isRefused !== isFull) wronglyAnswered.push(isFull ? "let wait" : "refused");
          }
          await settled();
          expect(inside).toBeLessThanOrEqual(maxConcurrent);
          expect(waiting).toBeLessThanOrEqual(queueMax);
          expect(waiting === 0 || inside === maxConcurrent).toBe(true);
          expect(wronglyAnswered).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each([0, 1.5, 1_000_001, Number.NaN])("refuses %s places", (maxConcurrent) => {
    const refused = new RangeError(`maxConcurrent must be an integer in [1, 1000000], got ${maxConcurrent}`);
    expect(() => new Bulkhead({ maxConcurrent })).toThrow(refused);
  });

  it.each([-1, 0.5, 100_001])("refuses a queue of %s", (queueMax) => {
    const refused = new RangeError(`queueMax must be an integer in [0, 100000], got ${queueMax}`);
    expect(() => new Bulkhead({ maxConcurrent: 1, queueMax })).toThrow(refused);
  });
});
