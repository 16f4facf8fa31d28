import { describe, expect, it } from "vitest";
import { UpstreamBreaker } from "../../../src/durable/biz/upstream-breaker.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const FAILING = { reporter: "a", ok: 0, failed: 30, probe: null, version: 0 } as const;
const ASKING = { reporter: "b", ok: 0, failed: 0, probe: null, version: 1 } as const;

function setUp() {
  const clock = new VirtualTime();
  const store = new MemoryObjectStore();
  return { clock, store, open: () => new UpstreamBreaker(store, clock.now) };
}

describe("an upstream's breaker", () => {
  it("opens by nothing that is seen by engines which decide by themselves", () => {
    const { store, open } = setUp();
    const breaker = open();
    breaker.observe({ worker: "app", engine: "sre", ok: 0, failed: 1_000 });
    expect(breaker.view()).toMatchObject({ state: "closed", total: 0, failures: 0 });
    expect(breaker.report({ ...FAILING, failed: 0 })).toMatchObject({ state: "closed", version: 0 });
    expect(store.writes).toBe(0);
  });

  it("shows operators whose reports it had, each counted once, and none of a worker that doesn't say", () => {
    const { open } = setUp();
    const breaker = open();
    breaker.report({ ...FAILING, ok: 30, worker: "ops", version: 7 });
    breaker.report({ ...FAILING, ok: 31, worker: "ops" });
    breaker.report({ ...FAILING, reporter: "b", failed: 0 });
    expect(breaker.view().callers).toEqual([{ worker: "ops", engine: "hystrix", total: 61, failures: 30 }]);
  });
});

describe("an upstream's breaker over a store that may refuse any write", () => {
  it("tells no state that a restart would undo", () => {
    const { store, open } = setUp();
    const breaker = open();
    store.failsAtWrite = 1;
    expect(() => breaker.report(FAILING)).toThrow("refused");
    expect(breaker.report(ASKING).state).toBe("open");
    expect(open().view()).toMatchObject({ state: "open", version: 1 });
  });

  it("gives one lease, also where writing it down failed", () => {
    const { clock, store, open } = setUp();
    const breaker = open();
    breaker.report(FAILING);
    clock.turn(1_000);
    store.failsAtWrite = 1;
    expect(() => breaker.report(ASKING)).toThrow("refused");
    expect(breaker.report({ ...ASKING, reporter: "c" }).probeLeaseMs).toBe(0);
    expect(open().report({ ...ASKING, reporter: "d" }).probeLeaseMs).toBe(0);
    clock.turn(1_000);
    expect(breaker.report({ ...ASKING, reporter: "c" }).probeLeaseMs).toBe(1_000);
  });
});
