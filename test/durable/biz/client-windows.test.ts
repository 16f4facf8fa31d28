import { describe, expect, it } from "vitest";
import type { PolicyAsk } from "../../../src/contracts/durable.ts";
import { ClientWindows } from "../../../src/durable/biz/client-windows.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const PER_ADDRESS = { policy: "failures from 192.0.2.1", limit: 5, windowMs: 60_000 };
const PER_EMAIL = { policy: "failures", limit: 100, windowMs: 60_000 };
const TAKES: readonly PolicyAsk[] = [PER_ADDRESS, PER_EMAIL].map((limit) => ({
  ...limit,
  ask: { kind: "take", cost: 1 },
}));
const GIVE_BACKS: readonly PolicyAsk[] = [PER_ADDRESS, PER_EMAIL].map((limit) => ({
  ...limit,
  ask: { kind: "give_back", cost: 1 },
}));
const MONTH_MS = 30 * 86_400_000;

function setUp() {
  const clock = new VirtualTime();
  const store = new MemoryObjectStore();
  const open = () => new ClientWindows(store, clock.now, store.alarmAtMs);
  return { clock, store, open, windows: open() };
}

function leftIn(windows: ClientWindows): Readonly<Record<string, number>> {
  return Object.fromEntries(windows.view().map(({ policy, remaining }) => [policy, remaining]));
}

/** What the work answers; null where the store refused it. */
function answersOf<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

describe("a client's windows over a store that may refuse any write", () => {
  it.each([1, 2, 3, 4])(
    "count a question in all of its quotas or in none, in memory and after a restart (write %d fails)",
    (failsAtWrite) => {
      for (const [asks, before] of [
        [TAKES, 0],
        [TAKES, 2],
        [GIVE_BACKS, 2],
      ] as const) {
        const { store, open, windows } = setUp();
        for (let count = 0; count < before; count += 1) windows.ask(TAKES);
        const kept = leftIn(windows);
        store.failsAtWrite = failsAtWrite;
        const answers = answersOf(() => windows.ask(asks));
        store.failsAtWrite = 0;
        const left = leftIn(windows);
        expect(leftIn(open())).toEqual(left);
        expect(answers === null ? left : null).toEqual(answers === null ? kept : null);
        const used = [PER_ADDRESS, PER_EMAIL].map(({ policy, limit }) => limit - (left[policy] ?? limit));
        expect(used[0]).toBe(used[1]);
      }
    },
  );

  it("go on from what is stored after a write that failed", () => {
    const { store, open, windows } = setUp();
    store.failsAtWrite = 2;
    expect(() => windows.ask(TAKES)).toThrow("refused");
    for (let count = 0; count < 5; count += 1) expect(windows.ask(TAKES)[0]?.allowed).toBe(true);
    expect(windows.ask(TAKES)[0]?.allowed).toBe(false);
    expect(leftIn(open())).toEqual(leftIn(windows));
  });

  it.each([1, 2, 3])(
    "forget a client as a whole, or try again at the next alarm (write %d fails)",
    (failsAtWrite) => {
      const { clock, store, windows } = setUp();
      windows.ask(TAKES);
      clock.turn(120_000);
      store.failsAtWrite = failsAtWrite;
      const rows = store.values.size;
      const forgot = answersOf(() => windows.onAlarm()) !== null;
      expect(store.values.size).toBe(forgot ? 0 : rows);
      store.failsAtWrite = 0;
      windows.onAlarm();
      expect([store.values.size, leftIn(windows)]).toEqual([0, {}]);
    },
  );
});

describe("a client's windows and their alarm", () => {
  it("set it again where it was lost, at the next turn that writes", () => {
    const { clock, store, open } = setUp();
    open().ask(TAKES);
    clock.turn(3_600_000);
    const windows = open();
    windows.ask(TAKES);
    expect(store.alarmAtMs).toBe(clock.now() + 120_000);
    windows.ask(TAKES);
    expect(store.alarmAtMs).toBe(clock.now() + 120_000);
  });

  it("do not wait a month for one that was set by a clock a month ahead", () => {
    const { clock, store, open, windows } = setUp();
    clock.turn(MONTH_MS);
    windows.ask(TAKES);
    clock.stepBack(MONTH_MS);
    for (const again of [windows, open()]) {
      again.ask(TAKES);
      expect((store.alarmAtMs ?? 0) - clock.now()).toBeLessThanOrEqual(86_400_000 + 60_000);
    }
    const restarted = open();
    for (let alarms = 0; alarms < 2; alarms += 1) {
      clock.turn(200_000);
      restarted.onAlarm();
    }
    expect(store.values.size).toBe(0);
  });

  it("set none for what was only reported and not stored", () => {
    const { store, windows } = setUp();
    windows.ask([{ policy: "reports", limit: 600, windowMs: 60_000, ask: { kind: "report", count: 1 } }]);
    expect([store.alarmAtMs, store.writes]).toEqual([null, 0]);
  });
});
