import { describe, expect, it, vi } from "vitest";
import type { ClientWindows } from "../../src/durable/biz/client-windows.ts";
import { rateWindowObject } from "../../src/durable/service/rate-window-object.ts";
import { outboxPublisherObject } from "../../src/ledger/service/outbox-publisher-object.ts";
import { createLogger } from "../../src/platform/logger.ts";

vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

const FRAME = { logger: createLogger({ worker: "test", level: "silent" }), now: Date.now };
const fails = (): never => {
  throw new Error("storage is away");
};

/** An object's state whose alarm can be looked at, and be lost. */
function stateWith(alarmAtMs: number | null) {
  const alarm = { atMs: alarmAtMs };
  const storage = {
    getAlarm: async () => alarm.atMs,
    setAlarm: async (atMs: number) => void (alarm.atMs = atMs),
  };
  const state = {
    storage,
    blockConcurrencyWhile: (work: () => Promise<void>) => work(),
  } as unknown as DurableObjectState;
  return { state, alarm };
}

describe("an alarm that fails does not throw, and comes again", () => {
  it("for a client's windows", async () => {
    const { state, alarm } = stateWith(null);
    const RateWindow = rateWindowObject(() => ({ onAlarm: fails }) as unknown as ClientWindows, FRAME);
    const object = new RateWindow(state, {});
    await Promise.resolve();
    await object.alarm();
    expect(alarm.atMs).toBeGreaterThan(Date.now());
  });

  it("for a ledger's publisher, also where its ledger can't be wired", async () => {
    for (const wire of [fails, () => ({ publishOnce: async () => fails() })]) {
      const { state, alarm } = stateWith(null);
      const Publisher = outboxPublisherObject(wire, FRAME);
      await new Publisher(state, {}).alarm();
      expect(alarm.atMs).toBeGreaterThan(Date.now());
    }
  });
});

describe("a publisher that is woken", () => {
  const wokenWith = async (alarmAtMs: number | null, wakeAtMs: number) => {
    const { state, alarm } = stateWith(alarmAtMs);
    const Publisher = outboxPublisherObject(() => ({ publishOnce: async () => null }), FRAME);
    await new Publisher(state, {}).wake(wakeAtMs);
    return alarm.atMs;
  };

  it("sets its alarm where it is missing, later, or overdue: then it was lost", async () => {
    const nowMs = Date.now();
    expect(await wokenWith(null, nowMs)).toBe(nowMs);
    expect(await wokenWith(nowMs + 60_000, nowMs)).toBe(nowMs);
    expect(await wokenWith(nowMs - 60_000, nowMs)).toBe(nowMs);
  });

  it("keeps one that is earlier, and one that is a little late", async () => {
    const nowMs = Date.now();
    expect(await wokenWith(nowMs + 1_000, nowMs + 2_000)).toBe(nowMs + 1_000);
    expect(await wokenWith(nowMs - 1_000, nowMs + 2_000)).toBe(nowMs - 1_000);
  });
});
