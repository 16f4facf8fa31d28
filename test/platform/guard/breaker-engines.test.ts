import { describe, expect, it, vi } from "vitest";
import { BREAKER_ENGINES, type BreakerEngine, type BreakerStateRpc } from "../../../src/contracts/durable.ts";
import { UpstreamBreaker } from "../../../src/durable/biz/upstream-breaker.ts";
import { wiredBreaker } from "../../../src/platform/guard/breaker-engines.ts";
import { requestTimer } from "../../../src/platform/guard/call-timer.ts";
import { guardKit } from "../../../src/platform/guard/guard-kit.ts";
import { namespaceOf } from "../../support/workers/hung-bindings.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

/** The shared state of one upstream, and workers that call it, each by an engine. */
function upstream() {
  const clock = new VirtualTime();
  const shared = new UpstreamBreaker(new MemoryObjectStore(), clock.now);
  const state: BreakerStateRpc = {
    report: async (report) => shared.report(report),
    observe: async (seen) => shared.observe(seen),
    view: async () => shared.view(),
  };
  const background: Promise<unknown>[] = [];
  const failures: unknown[] = [];

  function caller(worker: string, engine: BreakerEngine, reached: BreakerStateRpc | null = state) {
    const { breaker, afterAttempt } = wiredBreaker(engine, {
      state: reached === null ? null : () => reached,
      worker,
      reporter: worker,
      background: (work) => void background.push(work),
      onFailure: (error) => void failures.push(error),
      now: clock.now,
      random: () => 0,
    });
    /** Calls one after another, in a second; answers how many were let through. */
    return async function calls(count: number, outcome: "success" | "failure"): Promise<number> {
      let admitted = 0;
      for (let call = 0; call < count; call += 1) {
        const admission = breaker.admit(clock.now(), 0);
        if (admission.kind !== "rejected") {
          admitted += 1;
          breaker.record(clock.now(), outcome, admission.kind);
        }
        void afterAttempt();
        await Promise.all(background.splice(0));
        clock.turn(1_000 / count);
      }
      return admitted;
    };
  }
  return { caller, clock, shared, failures };
}

describe("two workers that call one upstream by different engines", () => {
  it("do not disturb each other: what one sees fail opens nothing for the other", async () => {
    const { caller, shared } = upstream();
    const [byItself, together] = [caller("app", "sre"), caller("ops", "hystrix")];
    for (let second = 0; second < 5; second += 1) {
      await byItself(40, "failure");
      expect(await together(40, "success")).toBe(40);
    }
    expect(await byItself(40, "failure")).toBeLessThan(5);
    expect(shared.view()).toMatchObject({ state: "closed", version: 0, failures: 0 });
  });

  it("do not disturb each other: what is open for those who decide together is none for the other", async () => {
    const { caller, shared } = upstream();
    const [byItself, together] = [caller("app", "sre"), caller("ops", "hystrix")];
    for (let second = 0; second < 3; second += 1) await together(40, "failure");
    expect(shared.view().state).not.toBe("closed");
    expect(await byItself(40, "success")).toBe(40);
    // Nor is its success the probe that the others wait for.
    expect(await together(40, "failure")).toBeLessThan(3);
    expect(shared.view().state).not.toBe("closed");
  });

  it("are both seen by operators, with what they saw", async () => {
    const { caller, shared } = upstream();
    const [byItself, together, alsoTogether] = [
      caller("app", "sre"),
      caller("ops", "hystrix"),
      caller("account", "hystrix"),
    ];
    for (let second = 0; second < 2; second += 1) {
      await byItself(10, "failure");
      await together(10, "success");
      await alsoTogether(10, "success");
    }
    const { callers = [] } = shared.view();
    expect(callers.map(({ worker, engine, failures }) => [worker, engine, failures > 0])).toEqual([
      ["account", "hystrix", false],
      ["app", "sre", true],
      ["ops", "hystrix", false],
    ]);
  });
});

describe.each(BREAKER_ENGINES)("an upstream behind %s", (engine) => {
  it("is left alone when it fails, and not when it is well, with or without shared state", async () => {
    for (const reached of [undefined, null] as const) {
      const { caller } = upstream();
      const calls = caller("app", engine, reached);
      expect(await calls(40, "success")).toBe(40);
      for (let second = 0; second < 12; second += 1) await calls(40, "failure");
      expect(await calls(40, "failure")).toBeLessThan(5);
    }
  });

  it("is called on where the shared state can't be told, which is said", async () => {
    const away = async (): Promise<never> => Promise.reject(new Error("the object is away"));
    const { caller, failures } = upstream();
    const calls = caller("app", engine, { report: away, observe: away, view: away });
    expect(await calls(40, "success")).toBe(40);
    expect(failures.length).toBeGreaterThan(0);
  });
});

describe("which engine guards an upstream", () => {
  /** The engine by which a worker calls `history`, as the shared state hears of it. */
  async function engineOf(worker: string, engines: Readonly<Record<string, BreakerEngine>>) {
    // An isolate in which all is well reports within its first fifty seconds, at random.
    vi.spyOn(Math, "random").mockReturnValue(0);
    const heard: string[] = [];
    const background: Promise<unknown>[] = [];
    const makeGuard = guardKit({
      worker,
      breakerStates: namespaceOf({
        report: async () => {
          heard.push("hystrix");
          return { state: "closed", version: 0, probeLeaseMs: 0 };
        },
        observe: async ({ engine }: { readonly engine: string }) => void heard.push(engine),
      }) as never,
      faults: null,
      engines,
      hedgedUpstreams: [],
      timer: requestTimer,
      background: (work) => void background.push(work),
      onReportFailure: (_upstream, error) => void heard.push(String(error)),
    });
    const guard = makeGuard("history", { timeoutMs: 100, maxConcurrent: 1 });
    const plan = { kind: "read", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
    await guard.call("look", plan, async () => true);
    await Promise.all(background);
    vi.restoreAllMocks();
    return heard.join();
  }

  it.each([
    ["nobody says", {}, { app: "hystrix", ops: "hystrix" }],
    ["it is said of the upstream", { history: "sre" }, { app: "sre", ops: "sre" }],
    ["it is said of one caller", { "app/history": "sre" }, { app: "sre", ops: "hystrix" }],
    ["one caller is excepted", { history: "sre", "app/history": "hystrix" }, { app: "hystrix", ops: "sre" }],
    ["it is said of another upstream", { "app/identity": "sre" }, { app: "hystrix", ops: "hystrix" }],
  ] as const)("where %s", async (_where, engines, expected) => {
    expect({ app: await engineOf("app", engines), ops: await engineOf("ops", engines) }).toEqual(expected);
  });
});
