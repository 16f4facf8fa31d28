import { env } from "cloudflare:workers";
import { describe } from "vitest";
import { testEviction } from "../support/workers/evicted.ts";

const bindings = env as unknown as DurableEnv;
const TAKE = { policy: "login", limit: 5, windowMs: 60_000, ask: { kind: "take", cost: 1 } };
const REPORT = { reporter: "r", ok: 1, failed: 9, probe: null, version: 0 };
const SEEN = { worker: "w", engine: "sre", ok: 1, failed: 1, reporter: "r" };

describe("a client's window", () => {
  testEviction(bindings.RATE_WINDOW, () => "user:ada", { ask: [[TAKE]], view: [] });
});

describe("a breaker's state", () => {
  testEviction(bindings.BREAKER_STATE, () => "history", { report: [REPORT], observe: [SEEN], view: [] });
});

describe("the fault board", () => {
  const fault = { latencyMs: 0, errorRate: 1, untilMs: null };
  testEviction(bindings.FAULT_BOARD, () => "faults", {
    set: ["b", "history", fault],
    faultOf: ["b", "history"],
    all: ["b"],
  });
});
