import { describe, expect, it } from "vitest";
import { readLedgerConfig } from "../../../src/ledger/config.ts";

describe("the vars DEPOSIT_MAX and DEPOSITS_PER_DAY_MAX", () => {
  const vars = {
    LOG_LEVEL: "info",
    LEDGER: "wallet",
    DELIVERIES_PER_SECOND: "50",
    CHANGE_SINK: "queue",
    BREAKER_ENGINES: "",
    HEDGED_UPSTREAMS: "",
    FAULTS: "off",
    BOOT_ID: "",
  };
  const read = (more: object) =>
    readLedgerConfig({
      ...vars,
      DELIVERY_SCHEDULE_MS: "300",
      DEPOSIT_MAX: "7",
      DEPOSITS_PER_DAY_MAX: "9",
      ...more,
    });

  it("are whole numbers of minor units", () => {
    expect(read({})).toMatchObject({ DEPOSIT_MAX: 7, DEPOSITS_PER_DAY_MAX: 9 });
  });

  it.each(["", "0", "-1", "1.5", "1e6", "9007199254740992"])("are refused by name: %j", (text) => {
    expect(() => read({ DEPOSIT_MAX: text })).toThrow(/^bad configuration: DEPOSIT_MAX/);
    expect(() => read({ DEPOSITS_PER_DAY_MAX: text })).toThrow(/^bad configuration: DEPOSITS_PER_DAY_MAX/);
  });
});
