import { describe, expect, it } from "vitest";
import { FaultsInForce } from "../../../src/durable/biz/faults-in-force.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const FAULT = { latencyMs: 100, errorRate: 0.5, untilMs: null };

describe("the faults in force over a store that may refuse any write", () => {
  it("are those that a restart would find", () => {
    const { now } = new VirtualTime();
    const store = new MemoryObjectStore();
    const open = () => new FaultsInForce(store, now);
    const faults = open();
    store.failsAtWrite = 1;
    expect(() => faults.set("boot", "app", FAULT)).toThrow("refused");
    expect([faults.all("boot"), open().all("boot")]).toEqual([{}, {}]);
    faults.set("boot", "app", FAULT);
    store.failsAtWrite = 1;
    expect(() => faults.set("boot", "app", null)).toThrow("refused");
    expect([faults.all("boot"), open().all("boot")]).toEqual([{ app: FAULT }, { app: FAULT }]);
  });
});
