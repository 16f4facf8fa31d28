import { describe, expect, it } from "vitest";
import { isGivenUp, pauseAfter } from "../../../src/ledger/biz/delivery-schedule.ts";
import { readLedgerConfig } from "../../../src/ledger/config.ts";

const SCHEDULE = {
  pausesMs: [2_000, 4_000, 10_000, 60_000, 180_000],
  slowMs: 300_000,
  givesUpAfterMs: 86_400_000,
};

describe("a message that is not confirmed", () => {
  it("is sent again after the schedule's pauses, then in the slow lane", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100].map((attempts) => pauseAfter(SCHEDULE, attempts, 0.5))).toEqual([
      2_000, 4_000, 10_000, 60_000, 180_000, 300_000, 300_000, 300_000,
    ]);
  });

  it("comes a tenth earlier or later, so that what failed together does not come back together", () => {
    expect([pauseAfter(SCHEDULE, 1, 0), pauseAfter(SCHEDULE, 1, 0.999_999)]).toEqual([1_800, 2_200]);
  });

  it("is given up a day after it was last driven, not before, and not without a day's sends", () => {
    const tried = { drivenAtMs: 1_000, attempts: 144, attemptsBefore: 0 };
    expect([isGivenUp(SCHEDULE, tried, 86_400_999), isGivenUp(SCHEDULE, tried, 86_401_000)]).toEqual([
      false,
      true,
    ]);
    expect(isGivenUp(SCHEDULE, { ...tried, attempts: 143 }, 86_401_000)).toBe(false);
    expect(isGivenUp(SCHEDULE, { ...tried, attempts: 200, attemptsBefore: 144 }, 86_401_000)).toBe(false);
  });
});

describe("the var DELIVERY_SCHEDULE_MS", () => {
  const vars = {
    LOG_LEVEL: "info",
    LEDGER: "wallet",
    DELIVERIES_PER_SECOND: "50",
    CHANGE_SINK: "queue",
    DEPOSIT_MAX: "1000",
    DEPOSITS_PER_DAY_MAX: "100000",
    BREAKER_ENGINES: "",
    HEDGED_UPSTREAMS: "",
    FAULTS: "off",
    BOOT_ID: "",
  };

  it("is a list of whole numbers", () => {
    expect(readLedgerConfig({ ...vars, DELIVERY_SCHEDULE_MS: "300,500" }).DELIVERY_SCHEDULE_MS).toEqual([
      300, 500,
    ]);
  });

  it.each(["", "0", "1,", "soon", "-1", "3600001", Array.from({ length: 21 }, () => "1").join(",")])(
    "is refused by name: %j",
    (text) => {
      expect(() => readLedgerConfig({ ...vars, DELIVERY_SCHEDULE_MS: text })).toThrow(
        /^bad configuration: DELIVERY_SCHEDULE_MS/,
      );
    },
  );
});
