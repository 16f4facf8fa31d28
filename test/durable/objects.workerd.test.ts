import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type {
  BreakerStateRpc,
  FaultBoardRpc,
  PolicyAsk,
  RateWindowRpc,
} from "../../src/contracts/durable.ts";
import { objectStore } from "../../src/durable/data/object-store.ts";
import type { BreakerReport } from "../../src/resilience/breaker/shared-breaker-state.ts";

let names = 0;
/**
 * An object no other test uses, and the name to find it by again: a stub that is held keeps an
 * object from being evicted.
 */
const fresh = (): string => `object-${(names += 1)}`;
const bindings = env as unknown as DurableEnv;
const windowOf = (name: string) =>
  bindings.RATE_WINDOW.getByName(name) as unknown as RateWindowRpc & DurableObjectStub;
const breakerOf = (name: string) =>
  bindings.BREAKER_STATE.getByName(name) as unknown as BreakerStateRpc & DurableObjectStub;
const boardOf = (name: string) =>
  bindings.FAULT_BOARD.getByName(name) as unknown as FaultBoardRpc & DurableObjectStub;

const LOGIN = { policy: "login", limit: 10, windowMs: 60_000 };
const REPORTS = { policy: "reports", limit: 600, windowMs: 60_000 };
const take = (quota: { policy: string; limit: number; windowMs: number } = LOGIN): PolicyAsk => ({
  ...quota,
  ask: { kind: "take", cost: 1 },
});

async function ask(name: string, one: PolicyAsk) {
  const [answer] = await windowOf(name).ask([one]);
  if (answer === undefined || answer === null) throw new Error("no answer");
  return answer;
}

describe("a client's window", () => {
  it("leaves nothing behind when its client has gone, not even what it doesn't know", async () => {
    const name = fresh();
    const stored = () =>
      runInDurableObject(windowOf(name), async (_object, { storage }) => ({
        rows: [...storage.kv.list()].length,
        alarm: await storage.getAlarm(),
      }));
    await ask(name, { policy: "short", limit: 5, windowMs: 1, ask: { kind: "take", cost: 1 } });
    await runInDurableObject(windowOf(name), (_object, { storage }) =>
      storage.kv.put("of another release", 1),
    );
    expect(await stored()).toEqual({ rows: 2, alarm: expect.any(Number) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await runDurableObjectAlarm(windowOf(name));
    expect(await stored()).toEqual({ rows: 0, alarm: null });
    expect((await ask(name, take())).allowed).toBe(true);
  });

  it("is exact however many ask at once", async () => {
    const name = fresh();
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(name, take())));
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10);
  });

  it("that is killed in the middle of a flood neither refills nor forgets", async () => {
    const name = fresh();
    let admitted = 0;
    for (let call = 0; call < 20; call += 1) {
      if ((await ask(name, take())).allowed) admitted += 1;
      if (call % 4 === 3) await evictDurableObject(windowOf(name));
    }
    expect(admitted).toBe(10);
  });

  it("that is killed remembers its leases: it gives out no more than the limit, and what was given back", async () => {
    const name = fresh();
    let granted = 0;
    for (let call = 0; call < 200; call += 1) {
      const answer = await ask(name, { ...REPORTS, ask: { kind: "lease", want: 50, returned: 0 } });
      granted += answer.granted;
      if (call % 20 === 0) await evictDurableObject(windowOf(name));
    }
    expect(granted).toBe(600);
    const { granted: again } = await ask(name, { ...REPORTS, ask: { kind: "lease", want: 5, returned: 5 } });
    expect([again >= 1, again <= 5]).toEqual([true, true]);
  });

  it("that is killed forgets at most a twentieth of what was reported to it", async () => {
    const name = fresh();
    for (let call = 0; call < 60; call += 1)
      await ask(name, { ...REPORTS, ask: { kind: "report", count: 10 } });
    await evictDurableObject(windowOf(name));
    const [view] = await windowOf(name).view();
    expect(view?.policy).toBe("reports");
    expect(view?.remaining).toBeLessThanOrEqual(600 / 20);
  });

  it("takes from several quotas or from none", async () => {
    const name = fresh();
    const perAddress = { policy: "failures from 192.0.2.1", limit: 2, windowMs: 60_000 };
    const perEmail = { policy: "failures", limit: 100, windowMs: 60_000 };
    const both = () => windowOf(name).ask([take(perAddress), take(perEmail)]);
    await both();
    await both();
    const [denied] = await both();
    expect(denied?.allowed).toBe(false);
    const left = Object.fromEntries(
      (await windowOf(name).view()).map(({ policy, remaining }) => [policy, remaining]),
    );
    expect(left).toEqual({ "failures from 192.0.2.1": 0, failures: 98 });
  });

  it("erases itself when its client has gone, and not before", async () => {
    const name = fresh();
    await ask(name, take());
    const rows = () =>
      runInDurableObject(
        windowOf(name),
        (_object, { storage }) => [...storage.kv.list({ prefix: "quota:" })].length,
      );
    await runDurableObjectAlarm(windowOf(name));
    expect(await rows()).toBe(1);
    expect(
      await runInDurableObject(windowOf(name), (_object, { storage }) => storage.getAlarm()),
    ).toBeGreaterThan(Date.now() + 60_000);
    const brief = fresh();
    await ask(brief, take({ policy: "brief", limit: 10, windowMs: 20 }));
    const briefRows = () =>
      runInDurableObject(windowOf(brief), (_object, { storage }) => [...storage.kv.list()].length);
    expect(await briefRows()).toBe(1);
    await vi.waitUntil(async () => (await windowOf(brief).view())[0]?.remaining === 10, {
      timeout: 2_000,
      interval: 20,
    });
    await runDurableObjectAlarm(windowOf(brief));
    expect(await briefRows()).toBe(0);
  });
});

describe("an upstream's breaker", () => {
  const report = (more: Partial<BreakerReport> = {}): BreakerReport => ({
    reporter: "a",
    ok: 0,
    failed: 0,
    probe: null,
    version: 0,
    ...more,
  });

  it("that is killed while open stays open, gives no second lease, and closes on a probe", async () => {
    const name = fresh();
    const opened = await breakerOf(name).report(report({ failed: 30 }));
    expect(opened).toMatchObject({ state: "open", version: 1, probeLeaseMs: 0 });
    await evictDurableObject(breakerOf(name));
    expect(await breakerOf(name).view()).toMatchObject({ state: "open", version: 1 });
    await vi.waitUntil(async () => (await breakerOf(name).report(report({ version: 1 }))).probeLeaseMs > 0, {
      timeout: 5_000,
      interval: 100,
    });
    await evictDurableObject(breakerOf(name));
    expect((await breakerOf(name).report(report({ reporter: "b", version: 1 }))).probeLeaseMs).toBe(0);
    expect(await breakerOf(name).report(report({ probe: "succeeded", version: 1 }))).toMatchObject({
      state: "closed",
      version: 2,
    });
    await evictDurableObject(breakerOf(name));
    expect(await breakerOf(name).view()).toMatchObject({ state: "closed", version: 2, openedAtMs: null });
  });

  it("writes nothing while all is well", async () => {
    const name = fresh();
    for (let call = 0; call < 20; call += 1) await breakerOf(name).report(report({ ok: 100 }));
    expect(
      await runInDurableObject(breakerOf(name), (_object, { storage }) => [...storage.kv.list()].length),
    ).toBe(0);
  });
});

describe("an object's store", () => {
  it("makes all writes of a transaction or none, though the exception is caught", async () => {
    await runInDurableObject(boardOf(fresh()), async (_object, { storage }) => {
      const store = objectStore(storage);
      store.put("before", 1);
      const half = (): void => {
        store.put("half", 1);
        store.delete("before");
        store.setAlarm(Date.now() + 60_000);
        throw new Error("in the middle");
      };
      expect(() => store.transaction(half)).toThrow("in the middle");
      expect([...store.entries("")]).toEqual([["before", 1]]);
      expect(await storage.getAlarm()).toBeNull();
      store.transaction(() => store.put("whole", 1));
      expect([...store.entries("")]).toHaveLength(2);
    });
  });
});

describe("the fault board", () => {
  const FAULT = { latencyMs: 100, errorRate: 0.5, untilMs: null };

  it("knows faults of the present boot only, also after it was killed", async () => {
    const name = fresh();
    await boardOf(name).set("boot-1", "history", FAULT);
    await evictDurableObject(boardOf(name));
    expect(await boardOf(name).faultOf("boot-1", "history")).toEqual(FAULT);
    expect(await boardOf(name).faultOf("boot-2", "history")).toBeNull();
    expect(await boardOf(name).all("boot-2")).toEqual({});
    await boardOf(name).set("boot-1", "history", null);
    expect(await boardOf(name).all("boot-1")).toEqual({});
  });

  it("ends a fault at its time", async () => {
    const name = fresh();
    await boardOf(name).set("boot", "app", { ...FAULT, untilMs: Date.now() + 60_000 });
    await boardOf(name).set("boot", "account", { ...FAULT, untilMs: Date.now() - 1 });
    expect(Object.keys(await boardOf(name).all("boot"))).toEqual(["app"]);
  });
});
