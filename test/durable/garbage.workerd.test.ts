import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { PolicyAsk, RateWindowRpc } from "../../src/contracts/durable.ts";
import { BreakerState, FaultBoard, RateWindow } from "../../src/durable/worker.ts";
import { testGarbageCalls } from "../support/workers/garbage-calls.ts";

const bindings = env as unknown as DurableEnv;
const windowOf = (name: string) => bindings.RATE_WINDOW.getByName(name) as unknown as RateWindowRpc;
const viewOf = async (object: unknown): Promise<string> =>
  JSON.stringify(await (object as { view(): Promise<unknown> }).view());
const boards = (): object => bindings.FAULT_BOARD.getByName("garbage");

const REPORTS = { policy: "reports", limit: 600, windowMs: 60_000 };
const report = (count: number, policy = "reports"): PolicyAsk => ({
  ...REPORTS,
  policy,
  ask: { kind: "report", count },
});
const take = (policy: string, cost = 1): PolicyAsk => ({ ...REPORTS, policy, ask: { kind: "take", cost } });

describe("what is asked of an object", () => {
  testGarbageCalls({
    name: "RateWindow",
    entrypoint: RateWindow,
    remote: () => windowOf("garbage"),
    world: async () =>
      JSON.stringify(
        (await windowOf("garbage").view()).map(({ policy, remaining }) => ({ policy, remaining })),
      ),
    calls: { ask: { asks: [take("default")] }, view: {} },
    bad: {
      "ask asks": [
        [],
        [null],
        [{ ...take("default"), limit: 0 }],
        [{ ...take("default"), limit: 2_000_000 }],
        [{ ...take("default"), windowMs: Number.NaN }],
        [{ ...take("default"), policy: "x".repeat(1_000) }],
        [take("default", -1)],
        [take("default", 0.5)],
        [{ ...REPORTS, ask: { kind: "steal", cost: 1 } }],
        [take("default"), { ...take("other"), windowMs: 0 }],
        Array.from({ length: 17 }, () => report(1)),
      ],
    },
  });

  testGarbageCalls({
    name: "BreakerState",
    entrypoint: BreakerState,
    remote: () => bindings.BREAKER_STATE.getByName("garbage"),
    world: () => viewOf(bindings.BREAKER_STATE.getByName("garbage")),
    calls: {
      report: { report: { reporter: "a", ok: 1, failed: 0, probe: null, version: 0, worker: "app" } },
      observe: { seen: { worker: "app", engine: "sre", ok: 1, failed: 0 } },
      view: {},
    },
    bad: {
      "report report": [
        { reporter: "a", ok: Number.NaN, failed: 0, probe: null, version: 0 },
        { reporter: "a", ok: 0, failed: -1, probe: null, version: 0 },
        { reporter: "a", ok: 0, failed: 0, probe: "maybe", version: 0 },
        { reporter: "", ok: 0, failed: 0, probe: null, version: 0 },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, recent: [] },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, recent: [{ ok: -1, failed: 0 }] },
        {
          reporter: "a",
          ok: 0,
          failed: 0,
          probe: null,
          version: 0,
          recent: Array.from({ length: 11 }, () => ({ ok: 0, failed: 0 })),
        },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, weight: 0.5 },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, weight: 1_000 },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, keptMs: -1 },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, keptMs: 1_000_000 },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, worker: "" },
        { reporter: "a", ok: 0, failed: 0, probe: null, version: 0, worker: "x".repeat(100) },
      ],
      "observe seen": [
        { worker: "", engine: "sre", ok: 0, failed: 0 },
        { worker: "app", engine: "magic", ok: 0, failed: 0 },
        { worker: "app", engine: "sre", ok: -1, failed: 0 },
        { worker: "app", engine: "sre", ok: 0, failed: 0.5 },
        { worker: "app", engine: "sre", ok: 0, failed: 0, reporter: "" },
        { worker: "app", engine: "sre", ok: 0, failed: 0, keptMs: 0 },
      ],
    },
  });

  testGarbageCalls({
    name: "FaultBoard",
    entrypoint: FaultBoard,
    remote: boards,
    world: async () =>
      JSON.stringify(await (boards() as { all(bootId: string): Promise<unknown> }).all("boot")),
    calls: {
      faultOf: { bootId: "boot", target: "app" },
      set: { bootId: "boot", target: "app", fault: { latencyMs: 1, errorRate: 1, untilMs: null } },
      all: { bootId: "boot" },
    },
    bad: {
      "set target": ["moon"],
      "set fault": [
        { latencyMs: -1, errorRate: 0, untilMs: null },
        { latencyMs: 0, errorRate: 2, untilMs: null },
        { latencyMs: 0, errorRate: 0, untilMs: "tomorrow" },
      ],
    },
  });

  it("RateWindow counts the good ones of several reports, and says which was bad", async () => {
    const bad = { ...report(1, "bad"), windowMs: 0 };
    const answers = await windowOf("several").ask([report(300), bad, report(60, "other")]);
    expect(answers.map((answer) => answer?.remaining ?? null)).toEqual([300, null, 540]);
    expect((await windowOf("several").view()).map(({ policy }) => policy)).toEqual(["reports", "other"]);
  });
});
