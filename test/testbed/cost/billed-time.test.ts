import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BilledTime } from "../../../testbed/cost/billed-time.ts";

function billing(): { readonly time: BilledTime; readonly billedMs: () => number } {
  let billedMs = 0;
  return { time: new BilledTime((ms) => (billedMs += ms)), billedMs: () => billedMs };
}

describe("the time an object is billed for", () => {
  it("is none while it is idle, however long it stays in memory", () => {
    const { time, billedMs } = billing();
    time.begin(1_000)(1_010);
    time.begin(9_000)(9_005);
    expect(billedMs()).toBe(15);
    expect(time.isIdle).toBe(true);
    expect(time.idleSinceMs).toBe(9_005);
  });

  it("is counted once for what goes on at once", () => {
    const { time, billedMs } = billing();
    const call = time.begin(0);
    const timer = time.begin(5);
    call(10);
    expect(billedMs()).toBe(0);
    expect(time.isIdle).toBe(false);
    timer(50);
    expect(billedMs()).toBe(50);
  });

  it("ends once, however often something is ended", () => {
    const { time, billedMs } = billing();
    const timer = time.begin(0);
    const call = time.begin(0);
    timer(10);
    timer(20);
    expect(time.isIdle).toBe(false);
    call(30);
    timer(90);
    expect(billedMs()).toBe(30);
  });

  it("is the union of all that goes on", () => {
    const stretch = fc.record({ fromMs: fc.nat(200), ms: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 30 }), (stretches) => {
        const { time, billedMs } = billing();
        const ends = new Map<number, ((endMs: number) => void)[]>();
        for (let nowMs = 0; nowMs <= 250; nowMs += 1) {
          for (const { fromMs, ms } of stretches)
            if (fromMs === nowMs) ends.set(nowMs + ms, [...(ends.get(nowMs + ms) ?? []), time.begin(nowMs)]);
          for (const end of ends.get(nowMs) ?? []) end(nowMs);
        }
        const busy = new Set(
          stretches.flatMap(({ fromMs, ms }) => Array.from({ length: ms }, (_, index) => fromMs + index)),
        );
        expect(billedMs()).toBe(busy.size);
        expect(time.isIdle).toBe(true);
      }),
    );
  });
});
