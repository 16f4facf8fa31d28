import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { PartedBreaker } from "../../../src/resilience/breaker/parted-breaker.ts";

const T0 = 1_000_000;

const parted = (partsMax?: number): PartedBreaker =>
  new PartedBreaker({ whole: new HystrixBreaker(), ...(partsMax === undefined ? {} : { partsMax }) });

/** Makes a call to a part, if it is let through. */
function call(
  breaker: PartedBreaker,
  atMs: number,
  part: string | undefined,
  outcome: "success" | "failure" | "cancelled",
): string {
  const { kind } = breaker.admit(atMs, 0.5, part);
  if (kind !== "rejected") breaker.record(atMs, outcome, kind, part);
  return kind;
}

function times(count: number, run: (index: number) => void): void {
  for (let index = 0; index < count; index += 1) run(index);
}

describe("a breaker over things that fail apart", () => {
  it("leaves a part alone after five failures, and none of the others, however often it is asked", () => {
    const breaker = parted();
    const kinds = Array.from({ length: 1_000 }, () => call(breaker, T0, "ill", "failure"));
    expect(kinds.filter((kind) => kind === "admitted")).toHaveLength(5);
    expect(call(breaker, T0, "well", "success")).toBe("admitted");
    expect(call(breaker, T0, undefined, "success")).toBe("admitted");
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 3, failures: 1 });
  });

  it("tries an ill part again after a second, then more seldom, and takes it back at the first success", () => {
    const breaker = parted();
    times(5, () => call(breaker, T0, "ill", "failure"));
    expect([call(breaker, T0 + 999, "ill", "failure"), call(breaker, T0 + 1_000, "ill", "failure")]).toEqual([
      "rejected",
      "trial",
    ]);
    expect([
      call(breaker, T0 + 2_999, "ill", "failure"),
      call(breaker, T0 + 3_000, "ill", "success"),
    ]).toEqual(["rejected", "trial"]);
    expect(call(breaker, T0 + 3_000, "ill", "success")).toBe("admitted");
  });

  it("is not closed by an ill part's trials: the whole hears of each part once in ten seconds", () => {
    const breaker = parted();
    for (let atMs = T0; atMs < T0 + 60_000; atMs += 100)
      times(8, (index) => call(breaker, atMs, `ill ${index}`, "failure"));
    expect(breaker.view(T0 + 59_900).state).toBe("closed");
    expect(call(breaker, T0 + 59_900, "well", "success")).toBe("admitted");
  });

  it("closes all parts where twenty of those that are asked are ill, and most of the calls fail", () => {
    const breaker = parted();
    times(19, (index) => call(breaker, T0, `ill ${index}`, "failure"));
    expect(call(breaker, T0, "well", "cancelled")).toBe("admitted");
    call(breaker, T0, "ill 19", "failure");
    expect(call(breaker, T0, "well", "success")).toBe("rejected");
    expect(call(breaker, T0 + 5_000, "well", "success")).toBe("trial");
    expect(call(breaker, T0 + 5_000, "another", "success")).toBe("admitted");
  });

  it("stays closed as a whole where most of the calls succeed", () => {
    const breaker = parted();
    times(40, (index) => {
      call(breaker, T0, `ill ${index}`, "failure");
      call(breaker, T0, `well ${index}`, "success");
      call(breaker, T0, `well ${index}`, "success");
    });
    expect(call(breaker, T0, "well", "success")).toBe("admitted");
  });

  it("reopens as a whole where its trial fails, be it of a part that it has heard of", () => {
    const breaker = parted();
    times(20, (index) => call(breaker, T0, `ill ${index}`, "failure"));
    expect(call(breaker, T0 + 5_000, "ill 3", "failure")).toBe("trial");
    expect(call(breaker, T0 + 5_000, "well", "success")).toBe("rejected");
    expect(call(breaker, T0 + 14_999, "well", "success")).toBe("rejected");
    expect(call(breaker, T0 + 15_000, "well", "success")).toBe("trial");
  });

  it("is kept shut by nobody who hangs up, neither as a whole nor in a part: the next trial comes a second later", () => {
    const breaker = parted();
    times(20, (index) => call(breaker, T0, `ill ${index}`, "failure"));
    for (const atMs of [T0 + 5_000, T0 + 15_000, T0 + 35_000])
      expect(call(breaker, atMs, "ill 3", "failure")).toBe("trial");
    for (const atMs of [T0 + 75_000, T0 + 76_000, T0 + 77_000])
      expect(call(breaker, atMs, "well", "cancelled")).toBe("trial");
    expect(call(breaker, T0 + 78_000, "well", "success")).toBe("trial");
    times(5, () => call(breaker, T0 + 100_000, "ill", "failure"));
    for (const atMs of [T0 + 101_000, T0 + 103_000, T0 + 107_000])
      expect(call(breaker, atMs, "ill", "failure")).toBe("trial");
    for (const atMs of [T0 + 112_000, T0 + 113_000])
      expect(call(breaker, atMs, "ill", "cancelled")).toBe("trial");
    expect(call(breaker, T0 + 114_000, "ill", "success")).toBe("trial");
    expect(call(breaker, T0 + 114_000, "ill", "success")).toBe("admitted");
  });

  it("lets no part's trial begin that the whole rejects", () => {
    const breaker = parted();
    times(5, () => call(breaker, T0, "ill 0", "failure"));
    times(20, (index) => call(breaker, T0, `ill ${index}`, "failure"));
    expect(call(breaker, T0 + 1_000, "ill 0", "success")).toBe("rejected");
    expect(call(breaker, T0 + 5_000, "well", "success")).toBe("trial");
    expect(call(breaker, T0 + 5_000, "ill 0", "success")).toBe("trial");
  });

  it("remembers no more parts than it may, those that failed last", () => {
    const breaker = parted(2);
    times(5, () => call(breaker, T0, "a", "failure"));
    times(5, () => call(breaker, T0, "b", "failure"));
    call(breaker, T0, "c", "failure");
    expect([call(breaker, T0, "a", "success"), call(breaker, T0, "b", "success")]).toEqual([
      "admitted",
      "rejected",
    ]);
  });

  it("admits a part that never fails, whatever a few others do", () => {
    const step = fc.record({
      part: fc.nat(9),
      afterMs: fc.nat(3_000),
      trials: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const breaker = parted();
        let atMs = T0;
        for (const { part, afterMs, trials } of steps) {
          atMs += afterMs;
          times(trials, () => call(breaker, atMs, `ill ${part}`, "failure"));
          expect(call(breaker, atMs, "well", "success")).toBe("admitted");
        }
      }),
    );
  });

  it("refuses options out of range", () => {
    expect(() => parted(0)).toThrow(new RangeError("partsMax must be an integer in [1, 100000], got 0"));
  });
});
