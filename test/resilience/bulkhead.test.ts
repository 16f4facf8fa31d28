import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bulkhead, BulkheadFullError } from "../../src/resilience/bulkhead.ts";

/** Who has got in, in the order of getting in. */
function visitors(bulkhead: Bulkhead) {
  const inside: string[] = [];
  const enter = (name: string, signal?: AbortSignal): Promise<void> =>
    bulkhead.enter(signal).then(() => void inside.push(name));
  return { inside, enter };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a bulkhead", () => {
  it("lets in as many as it has places, and the next when one leaves", () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 2 });
    expect([bulkhead.tryEnter(), bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([true, true, false]);
    expect(bulkhead.inUse).toBe(2);
    bulkhead.leave();
    expect(bulkhead.inUse).toBe(1);
    expect([bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([true, false]);
  });

  it("lets nobody wait unless it is told to", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1 });
    await bulkhead.enter();
    await expect(bulkhead.enter()).rejects.toThrow(new BulkheadFullError("all 1 places are taken"));
    await expect(bulkhead.enter()).rejects.toBeInstanceOf(BulkheadFullError);
    await expect(bulkhead.enter()).rejects.toHaveProperty("name", "BulkheadFullError");
    expect([bulkhead.inUse, bulkhead.waiting]).toEqual([1, 0]);
  });

  it("lets so many wait, and gives them places in their order", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 2 });
    const { inside, enter } = visitors(bulkhead);
    await enter("a");
    const b = enter("b");
    const c = enter("c");
    await expect(enter("d")).rejects.toThrow(BulkheadFullError);
    expect([bulkhead.inUse, bulkhead.waiting]).toEqual([1, 2]);
    bulkhead.leave();
    await b;
    expect(inside).toEqual(["a", "b"]);
    expect([bulkhead.inUse, bulkhead.waiting]).toEqual([1, 1]);
    bulkhead.leave();
    await c;
    bulkhead.leave();
    expect(inside).toEqual(["a", "b", "c"]);
    expect([bulkhead.inUse, bulkhead.waiting]).toEqual([0, 0]);
  });

  it("gives nobody the place that someone waits for", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 1 });
    await bulkhead.enter();
    const waiter = bulkhead.enter();
    bulkhead.leave();
    expect(bulkhead.tryEnter()).toBe(false);
    await waiter;
    expect(bulkhead.inUse).toBe(1);
  });

  it("lets in nobody whose signal has fired before", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 1 });
    const reason = new Error("too late");
    await expect(bulkhead.enter(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(bulkhead.inUse).toBe(0);
  });

  it("lets a waiter go whose signal fires, with the signal's reason, and the next one has the place", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 2 });
    const { inside, enter } = visitors(bulkhead);
    const controller = new AbortController();
    await enter("a");
    const gone = enter("b", controller.signal);
    const next = enter("c", new AbortController().signal);
    controller.abort("any reason at all");
    await expect(gone).rejects.toBe("any reason at all");
    expect([bulkhead.inUse, bulkhead.waiting]).toEqual([1, 1]);
    bulkhead.leave();
    await next;
    expect(inside).toEqual(["a", "c"]);
  });

  it("loses no place to a waiter whose signal fires just after it was given one", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 1 });
    const controller = new AbortController();
    await bulkhead.enter();
    const waiter = bulkhead.enter(controller.signal);
    bulkhead.leave();
    controller.abort();
    await expect(waiter).resolves.toBeUndefined();
    expect(bulkhead.inUse).toBe(1);
    bulkhead.leave();
    expect(bulkhead.inUse).toBe(0);
  });

  it("listens to a signal only while its waiter waits", async () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1, queueMax: 1 });
    const { signal } = new AbortController();
    let listening = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: () => void) => {
      if (type === "abort") listening += 1;
      add(type, listener);
    };
    signal.removeEventListener = (type: string, listener: () => void) => {
      if (type === "abort") listening -= 1;
      remove(type, listener);
    };
    await bulkhead.enter(signal);
    expect(listening).toBe(0);
    const waiter = bulkhead.enter(signal);
    expect(listening).toBe(1);
    bulkhead.leave();
    await waiter;
    expect(listening).toBe(0);
  });

  it("tells whoever leaves twice", () => {
    const bulkhead = new Bulkhead({ maxConcurrent: 1 });
    bulkhead.tryEnter();
    bulkhead.leave();
    expect(() => bulkhead.leave()).toThrow(new Error("nobody is in the bulkhead"));
    expect(bulkhead.inUse).toBe(0);
  });

  it("never has more inside than places nor more waiting than it may, and nobody waits before a free place", async () => {
    const step = fc.oneof(fc.constantFrom("enter", "try", "leave"), fc.nat(9));
    const runs = fc.record({
      maxConcurrent: fc.integer({ min: 1, max: 4 }),
      queueMax: fc.nat(4),
      steps: fc.array(step, { maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ maxConcurrent, queueMax, steps }) => {
        const bulkhead = new Bulkhead({ maxConcurrent, queueMax });
        let inside = 0;
        let refused = 0;
        let entered = 0;
        const waiters: AbortController[] = [];
        for (const step of steps) {
          if (step === "try") inside += bulkhead.tryEnter() ? 1 : 0;
          else if (step === "leave" && inside > 0) {
            bulkhead.leave();
            inside -= 1;
          } else if (step === "enter") {
            const controller = new AbortController();
            waiters.push(controller);
            entered += 1;
            bulkhead.enter(controller.signal).then(
              () => (inside += 1),
              () => (refused += 1),
            );
          } else if (typeof step === "number") waiters[step]?.abort();
          await settled();
          expect(bulkhead.inUse).toBe(inside);
          expect(inside).toBeLessThanOrEqual(maxConcurrent);
          expect(bulkhead.waiting).toBeLessThanOrEqual(queueMax);
          expect(bulkhead.waiting === 0 || inside === maxConcurrent).toBe(true);
        }
        expect(refused).toBeLessThanOrEqual(entered);
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
