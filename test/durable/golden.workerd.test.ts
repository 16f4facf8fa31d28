import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type {
  BreakerStateRpc,
  CallsSeen,
  FaultBoardRpc,
  PolicyAsk,
  RateWindowRpc,
  WorkersReport,
} from "../../src/contracts/durable.ts";
import type { GoldenCall } from "../fixtures/golden/golden-records.ts";
import { fromTomorrow } from "../support/golden/from-tomorrow.ts";
import { goldenRecords } from "../support/golden/golden-binding.ts";
import { Replay } from "../support/golden/replay.ts";
import { plainPromises } from "../support/workers/plain-promises.ts";

const bindings = env as unknown as DurableEnv;
const calls = goldenRecords(env).filter((record): record is GoldenCall => record.kind === "call");
const callsOf = (target: string, ...methods: readonly string[]) =>
  calls.filter((call) => call.target === target && methods.includes(call.method));
/** Those after which an object of the release before had something stored. */
const storing = (target: string) =>
  calls.filter(({ stored, ...call }) => call.target === target && Object.keys(stored ?? {}).length > 0);

let objects = 0;

/** A name that no object of these tests has had, whose object finds this stored when it starts. */
async function finding(namespace: DurableObjectNamespace, stored: GoldenCall["stored"]): Promise<string> {
  objects += 1;
  const name = `object-${objects}`;
  await runInDurableObject(namespace.getByName(name), (_object, { storage }) => {
    for (const [key, value] of Object.entries(stored ?? {})) storage.kv.put(key, value);
  });
  await evictDurableObject(namespace.getByName(name));
  return name;
}

const namespaces = bindings as unknown as Readonly<Record<string, DurableObjectNamespace>>;
const namespaceOf = (binding: "RATE_WINDOW" | "BREAKER_STATE" | "FAULT_BOARD"): DurableObjectNamespace => {
  const found = namespaces[binding];
  if (found === undefined) throw new Error(`${binding} is not bound`);
  return found;
};
const windowOf = (name: string) => bindings.RATE_WINDOW.getByName(name) as unknown as RateWindowRpc;
const breakerOf = (name: string) => bindings.BREAKER_STATE.getByName(name) as unknown as BreakerStateRpc;
const boardOf = (name: string) => bindings.FAULT_BOARD.getByName(name) as unknown as FaultBoardRpc;

describe("what an object of the release before has stored", () => {
  it("is a client's windows with their limits, each of them", async () => {
    const all = storing("RateWindow");
    expect(all.length).toBeGreaterThan(5);
    for (const { stored } of all) {
      const views = await windowOf(await finding(namespaceOf("RATE_WINDOW"), stored)).view();
      const limits = Object.fromEntries(
        views.map(({ policy, limit, windowMs }) => [`quota:${policy}`, { limit, windowMs }]),
      );
      const before = Object.entries(stored ?? {}).map(([key, value]) => [
        key,
        (value as { readonly limit: object }).limit,
      ]);
      expect(limits).toEqual(Object.fromEntries(before));
    }
  });

  it("is a breaker's state and version", async () => {
    const all = storing("BreakerState");
    expect(all.length).toBeGreaterThan(0);
    for (const { stored } of all) {
      const { state, version } = (stored ?? {})["breaker"] as {
        readonly state: string;
        readonly version: number;
      };
      const view = await breakerOf(await finding(namespaceOf("BREAKER_STATE"), stored)).view();
      expect([view.state, view.version]).toEqual([state, version]);
    }
  });

  it("is the faults in force", async () => {
    const all = storing("FaultBoard").filter(({ method }) => method === "set");
    expect(all.length).toBeGreaterThan(0);
    for (const { args, stored } of all) {
      const [bootId, target, fault] = args as [string, string, object];
      const board = boardOf(await finding(namespaceOf("FAULT_BOARD"), stored));
      expect(await board.all(bootId)).toMatchObject({ [target]: fault });
    }
  });
});

describe("a caller of the release before", () => {
  it("is granted what it was granted by a window that had no past", async () => {
    const asks = callsOf("RateWindow", "ask");
    expect(asks.length).toBeGreaterThan(5);
    for (const { args, answer } of asks) {
      const [given] = args as [readonly PolicyAsk[]];
      const now = await windowOf(await finding(namespaceOf("RATE_WINDOW"), {})).ask(given);
      const replay = new Replay({}, ["remaining", "resetMs", "retryAfterMs", "counted", "holdMs"]);
      expect(replay.differences(answer, now)).toEqual([]);
    }
  });

  it("has its reports on an upstream taken, and is told a verdict of the same members", async () => {
    const volatile = ["version", "reportAfterMs", "quietAfterMs", "probeLeaseMs"];
    const reports = callsOf("BreakerState", "report").filter(({ args: [report] }) => isOfClosed(report));
    const observed = callsOf("BreakerState", "observe");
    expect([reports.length > 0, observed.length > 0]).toEqual([true, true]);
    for (const { args, answer } of reports) {
      const [report] = args as [WorkersReport];
      const name = await finding(namespaceOf("BREAKER_STATE"), {});
      const now = await breakerOf(name).report(report);
      expect(new Replay({}, volatile).differences(answer, now)).toEqual([]);
      expect(await breakerOf(name).view()).toMatchObject({ callers: [{ worker: report.worker }] });
    }
    for (const { args } of observed) {
      const [seen] = args as [CallsSeen];
      const name = await finding(namespaceOf("BREAKER_STATE"), {});
      await breakerOf(name).observe(seen);
      const callers = [{ worker: seen.worker, total: seen.ok + seen.failed, failures: seen.failed }];
      expect(await breakerOf(name).view()).toMatchObject({ callers });
    }
  });
});

describe("a caller of a later release", () => {
  it("is answered as any other where it says more than is known here", async () => {
    const asks = callsOf("RateWindow", "ask");
    const reports = callsOf("BreakerState", "report");
    const sets = callsOf("FaultBoard", "set");
    expect([asks, reports, sets].filter(({ length }) => length === 0)).toEqual([]);
    for (const { args, answer } of asks) {
      const [given] = args.map(fromTomorrow) as [readonly PolicyAsk[]];
      const now = await windowOf(await finding(namespaceOf("RATE_WINDOW"), {})).ask(given);
      const replay = new Replay({}, ["remaining", "resetMs", "retryAfterMs", "counted", "holdMs"]);
      expect(replay.differences(answer, now)).toEqual([]);
    }
    for (const { args } of reports) {
      const [report] = args.map(fromTomorrow) as [WorkersReport];
      const verdict = await breakerOf(await finding(namespaceOf("BREAKER_STATE"), {})).report(report);
      expect(verdict.state).toMatch(/^(closed|open)$/);
    }
    for (const { args } of sets) {
      const [bootId, target, fault] = args.map(fromTomorrow) as [string, "history", never];
      const board = boardOf(await finding(namespaceOf("FAULT_BOARD"), {}));
      await board.set(bootId, target, fault);
      const [, , said] = args as [string, string, object | null];
      expect((await board.all(bootId))[target] ?? null).toEqual(said);
    }
  });

  it("is refused by name where it asks in a way that is not known, and nothing stored is touched", async () => {
    const [{ stored } = { stored: {} }] = storing("RateWindow");
    expect(stored).not.toEqual({});
    const name = await finding(namespaceOf("RATE_WINDOW"), stored);
    const later = { policy: "p", limit: 1, windowMs: 1_000, ask: { kind: "auction" } };
    const asking = plainPromises(windowOf(name)).ask([later as unknown as PolicyAsk]);
    await expect(asking).rejects.toMatchObject({ code: "INVALID" });
    const now = await runInDurableObject(namespaceOf("RATE_WINDOW").getByName(name), (_object, { storage }) =>
      Object.fromEntries(storage.kv.list()),
    );
    expect(now).toEqual(stored);
  });
});

/** What was seen in another state is another story, which a fresh object hasn't lived through. */
function isOfClosed(report: unknown): boolean {
  const { version, failed, weight = 1 } = report as WorkersReport;
  return version === 0 && failed * weight === 0;
}
