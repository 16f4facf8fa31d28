import { describe, expect, it } from "vitest";
import { billOf } from "../../../testbed/cost/bill.ts";
import { queueOperations } from "../../../testbed/cost/queue-operations.ts";
import { METER_NAMES, usageBeyond, usageOf, usagePerOne } from "../../../testbed/cost/usage.ts";

const PRICES = usageOf((meter) => METER_NAMES.indexOf(meter) + 1);

describe("a bill", () => {
  it("is the sum of what each meter costs", () => {
    const usage = usageOf((meter) => (meter === "d1RowsWritten" || meter === "workerRequests" ? 2 : 0));
    const { byMeter, total } = billOf(usage, PRICES);
    expect(byMeter.d1RowsWritten).toBe(2 * PRICES.d1RowsWritten);
    expect(total).toBe(2 * PRICES.d1RowsWritten + 2 * PRICES.workerRequests);
  });

  it("has every meter in its sum, but logs and spans by one price only: the dearer", () => {
    const byVolume = billOf(
      usageOf(() => 1),
      PRICES,
    );
    const others = METER_NAMES.slice(0, -3).reduce((sum, meter) => sum + PRICES[meter], 0);
    expect(PRICES.logEvents + PRICES.spans).toBeGreaterThan(PRICES.observedGigabytes);
    expect(byVolume.total).toBe(others + PRICES.logEvents + PRICES.spans);
    const moreVolume = usageOf((meter) => (meter === "observedGigabytes" ? 3 : 1));
    expect(billOf(moreVolume, PRICES).total).toBe(others + 3 * PRICES.observedGigabytes);
  });
});

describe("usage", () => {
  it("is shared among those who have used it, and never among nobody", () => {
    const usage = usageOf(() => 10);
    expect(usagePerOne(usage, 4).cpuMs).toBe(2.5);
    expect(() => usagePerOne(usage, 0)).toThrow(RangeError);
  });

  it("beyond another is told by each meter", () => {
    const more = usageOf((meter) => (meter === "spans" ? 5 : 3));
    const beyond = usageBeyond(
      more,
      usageOf(() => 3),
    );
    expect(beyond.spans).toBe(2);
    expect(beyond.cpuMs).toBe(0);
  });
});

describe("operations of a queue", () => {
  it.each([
    [0, 1],
    [1, 1],
    [64_000, 1],
    [64_001, 2],
    [128_000, 2],
  ])("%i bytes are %i", (bytes, operations) => {
    expect(queueOperations(bytes)).toBe(operations);
  });

  it("are none of less than nothing", () => {
    expect(() => queueOperations(-1)).toThrow(RangeError);
    expect(() => queueOperations(Number.NaN)).toThrow(RangeError);
  });
});
