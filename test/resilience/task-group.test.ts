import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TaskGroup } from "../../src/resilience/task-group.ts";

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

describe("a task group", () => {
  it("waits for every child", async () => {
    const group = new TaskGroup();
    const ended: number[] = [];
    for (const turn of [3, 1, 2]) {
      group.go(async () => {
        for (let count = 0; count < turn; count += 1) await Promise.resolve();
        ended.push(turn);
      });
    }
    await group.wait();
    expect(ended.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  });

  it("cancels the others on the first failure and throws it after they have ended", async () => {
    const group = new TaskGroup();
    let sawCancel = false;
    group.go(async (signal) => {
      await untilAborted(signal);
      await Promise.resolve();
      sawCancel = true;
      throw new Error("second");
    });
    group.go(async () => Promise.reject(new Error("first")));
    await expect(group.wait()).rejects.toThrow("first");
    expect(sawCancel).toBe(true);
  });

  it("starts nothing after a failure", async () => {
    const group = new TaskGroup({ concurrencyMax: 1 });
    let started = 0;
    group.go(async () => {
      started += 1;
      throw new Error("first");
    });
    group.go(async () => void (started += 1));
    await expect(group.wait()).rejects.toThrow("first");
    expect(started).toBe(1);
  });

  it("never runs more children at once than its limit, and runs them all", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 20 }),
        async (concurrencyMax, turns) => {
          const group = new TaskGroup({ concurrencyMax });
          let running = 0;
          let most = 0;
          let ended = 0;
          for (const turn of turns) {
            group.go(async () => {
              running += 1;
              most = Math.max(most, running);
              for (let count = 0; count < turn; count += 1) await Promise.resolve();
              running -= 1;
              ended += 1;
            });
          }
          await group.wait();
          expect(ended).toBe(turns.length);
          expect(most).toBeLessThanOrEqual(concurrencyMax);
        },
      ),
    );
  });

  it("is cancelled by the signal it was given", async () => {
    const outer = new AbortController();
    const group = new TaskGroup({ signal: outer.signal });
    group.go(untilAborted);
    outer.abort(new Error("the process was told to stop"));
    await expect(group.wait()).rejects.toThrow("the process was told to stop");
  });

  it("starts nothing if the signal it was given had fired before", async () => {
    const reason = new Error("the deadline had passed");
    const group = new TaskGroup({ signal: AbortSignal.abort(reason) });
    let started = false;
    group.go(async () => void (started = true));
    expect(group.signal.reason).toBe(reason);
    await expect(group.wait()).rejects.toBe(reason);
    expect(started).toBe(false);
  });

  it("lets go of the signal it was given once it has ended", async () => {
    const outer = new AbortController();
    const group = new TaskGroup({ signal: outer.signal });
    group.go(async () => undefined);
    await group.wait();
    outer.abort(new Error("too late"));
    expect(group.signal.aborted).toBe(false);
  });

  it("says that it was cancelled when nobody gives a reason", async () => {
    const group = new TaskGroup();
    group.go(untilAborted);
    group.cancel();
    await expect(group.wait()).rejects.toMatchObject({
      name: "AbortError",
      message: "the group was cancelled",
    });
  });

  it("starts nothing after a cancel, neither what waits nor what comes later", async () => {
    const reason = new Error("enough");
    const group = new TaskGroup({ concurrencyMax: 1 });
    const started: string[] = [];
    group.go(untilAborted);
    group.go(async () => void started.push("waiting"));
    group.cancel(reason);
    group.go(async () => void started.push("late"));
    await expect(group.wait()).rejects.toBe(reason);
    expect(started).toEqual([]);
  });

  it("keeps the first error as its own and as its signal's reason", async () => {
    const [first, second] = [new Error("first"), new Error("second")];
    const group = new TaskGroup();
    group.cancel(first);
    group.cancel(second);
    expect(group.signal.reason).toBe(first);
    await expect(group.wait()).rejects.toBe(first);
  });

  it("stays open until it is waited for, though every child so far has ended", async () => {
    const group = new TaskGroup();
    group.go(async () => undefined);
    for (let count = 0; count < 10; count += 1) await Promise.resolve();
    let second = false;
    group.go(async () => void (second = true));
    await group.wait();
    expect(second).toBe(true);
  });

  it("lets a child start siblings, but nobody after it has ended", async () => {
    const group = new TaskGroup();
    let grandchild = false;
    group.go(async () => {
      await Promise.resolve();
      group.go(async () => void (grandchild = true));
    });
    await group.wait();
    expect(grandchild).toBe(true);
    expect(() => group.go(async () => undefined)).toThrow("would outlive it");
  });

  it("ends at once when it has no children", async () => {
    await expect(new TaskGroup().wait()).resolves.toBeUndefined();
  });

  it.each([0, 0.5, -1, Number.NaN])("refuses a limit of %s", (concurrencyMax) => {
    const refused = new RangeError(`concurrencyMax must be in [1, ∞), got ${concurrencyMax}`);
    expect(() => new TaskGroup({ concurrencyMax })).toThrow(refused);
  });
});
