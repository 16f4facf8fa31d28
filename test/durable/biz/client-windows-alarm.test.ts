import { describe, expect, it } from "vitest";
import type { PolicyAsk, QuotaView } from "../../../src/contracts/durable.ts";
import { ClientWindows } from "../../../src/durable/biz/client-windows.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const WINDOW_MS = 60_000;
const TAKE: PolicyAsk = { policy: "login", limit: 10, windowMs: WINDOW_MS, ask: { kind: "take", cost: 1 } };
const REPORT: PolicyAsk = {
  policy: "reports",
  limit: 600,
  windowMs: WINDOW_MS,
  ask: { kind: "report", count: 1 },
};

/** The windows of a client, over a storage that outlives restarts. */
function windows() {
  const clock = new VirtualTime();
  const store = new MemoryObjectStore();
  const start = (): ClientWindows => new ClientWindows(store, clock.now, store.alarmAtMs);
  return { clock, store, start };
}

describe("the alarm of a client's windows", () => {
  it("that was lost is set again by the next ask: no window stays for good", () => {
    const { clock, store, start } = windows();
    const one = start();
    one.ask([TAKE]);
    const firstMs = store.alarmAtMs ?? 0;
    clock.turn(firstMs - clock.now() + 10_001);
    one.ask([{ ...TAKE, ask: { kind: "take", cost: 11 } }]);
    expect(store.alarmAtMs).toBeGreaterThan(clock.now());
    clock.turn((store.alarmAtMs ?? 0) - clock.now());
    one.onAlarm();
    expect(store.values.size).toBe(0);
  });

  it("that is a little late is waited for", () => {
    const { clock, store, start } = windows();
    const one = start();
    one.ask([TAKE]);
    const firstMs = store.alarmAtMs ?? 0;
    clock.turn(firstMs - clock.now() + 9_000);
    one.ask([TAKE]);
    expect(store.alarmAtMs).toBe(firstMs);
  });

  it("that is missing after a restart, or overdue, is set again by any ask, also one that writes nothing", () => {
    for (const lose of ["missing", "overdue"] as const) {
      const { clock, store, start } = windows();
      start().ask([TAKE]);
      if (lose === "missing") store.alarmAtMs = null;
      else clock.turn((store.alarmAtMs ?? 0) - clock.now() + 20_000);
      start().ask([REPORT]);
      expect(store.alarmAtMs).toBeGreaterThan(clock.now());
    }
  });

  it("erases the client though counts that were never stored are in memory: nothing would erase it later", () => {
    const { clock, store, start } = windows();
    const one = start();
    one.ask([TAKE]);
    clock.turn((store.alarmAtMs ?? 0) - clock.now());
    one.ask([REPORT]);
    one.onAlarm();
    expect([store.erased, store.values.size, store.alarmAtMs]).toEqual([1, 0, null]);
    const left = ({ policy, remaining }: QuotaView) => [policy, remaining];
    expect(one.view().map(left)).toEqual([["reports", 599]]);
    one.ask([{ ...REPORT, ask: { kind: "report", count: 30 } }]);
    expect(start().view().map(left)).toEqual([["reports", 569]]);
    clock.turn((store.alarmAtMs ?? 0) - clock.now());
    one.onAlarm();
    expect([store.erased, store.values.size]).toEqual([2, 0]);
  });

  it("does not erase what is stored", () => {
    const { clock, store, start } = windows();
    const one = start();
    one.ask([TAKE]);
    clock.turn((store.alarmAtMs ?? 0) - clock.now());
    one.ask([TAKE]);
    one.onAlarm();
    expect([store.erased, store.values.size]).toEqual([0, 1]);
    expect(store.alarmAtMs).toBeGreaterThan(clock.now());
  });

  it("is not set for what is in memory only: it is gone by itself", () => {
    const { store, start } = windows();
    start().ask([REPORT]);
    expect([store.alarmAtMs, store.values.size]).toEqual([null, 0]);
  });
});
