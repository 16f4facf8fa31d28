import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import {
  addAvailabilityRoutes,
  type AvailabilityRoutesDeps,
} from "../../../src/bff/ops/availability-routes.ts";
import {
  SHARED_UPSTREAMS,
  type BreakerStateRpc,
  type SharedBreakerView,
} from "../../../src/contracts/durable.ts";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { never } from "../../support/workers/hung-bindings.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const hung = {
  view: () => never,
  observe: () => never,
  report: () => never,
  ask: () => never,
  set: () => never,
  all: () => never,
};

/** The BFF over objects that hang, with so many places before them. */
function opsBff(maxConcurrent: number, more: Partial<AvailabilityRoutesDeps> = {}) {
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["admin"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addAvailabilityRoutes(app, {
        guard: testGuard({ maxConcurrent }),
        breakerOf: () => hung,
        upstreamsOfHistory: async () => [],
        windowOf: () => hung,
        faults: { board: hung as never, bootId: "boot" },
        now: Date.now,
        ...more,
      }),
  });
  return (method: string, path: string, signal: AbortSignal): Promise<Response> =>
    bff(
      new Request(`https://bff.internal${path}`, {
        method,
        signal,
        ...(method === "PUT" ? { body: JSON.stringify({ target: "app", latencyMs: 1 }) } : {}),
      }),
      {},
    );
}

it.each([
  ["GET", "/v1/ops/breakers", 4],
  ["GET", "/v1/ops/limits?client=address:192.0.2.1", 1],
  ["PUT", "/v1/ops/faults", 1],
])(
  "an operator who hangs up has no place with the objects from then on (%s %s)",
  async (method, path, calls) => {
    const guard = testGuard({ maxConcurrent: calls });
    const call = opsBff(calls, { guard });
    const plan = {
      kind: method === "PUT" ? "write" : "read",
      idempotent: false,
      deadlineAtMs: Infinity,
    } as const;
    const enter = (): Promise<string> => guard.call("look", plan, async () => "in");
    const client = new AbortController();
    void call(method, path, client.signal);
    await vi.waitFor(() => expect(enter()).rejects.toMatchObject({ code: "OVERLOADED" }));
    client.abort();
    expect(await enter()).toBe("in");
  },
);

const CLOSED = { state: "closed", version: 2, total: 0, failures: 0, openedAtMs: null } as const;
const VIEWS: Readonly<Record<string, SharedBreakerView>> = {
  history: {
    ...CLOSED,
    callers: [
      { worker: "playhead-app-bff", engine: "sre", total: 40, failures: 20 },
      { worker: "playhead-ops-bff", engine: "hystrix", total: 3, failures: 0 },
    ],
  },
};

function readBreakers(upstreamsOfHistory: AvailabilityRoutesDeps["upstreamsOfHistory"]): Promise<Response> {
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["operator"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addAvailabilityRoutes(app, {
        guard: testGuard(),
        breakerOf: (upstream) =>
          ({ view: async () => VIEWS[upstream] ?? CLOSED }) as unknown as BreakerStateRpc,
        upstreamsOfHistory,
        windowOf: () => ({}) as never,
        faults: null,
        now: () => 1_000,
      }),
  });
  return bff(new Request("https://bff.internal/v1/ops/breakers"), {});
}

const NONE = async (): Promise<readonly string[]> => [];

it("operators see the breakers of whatever databases and queues history has, of each cell", async () => {
  const upstreams = ["history-db-0", "history-db-7", "history-us-queue", "history-us-shard-0"];
  const response = await readBreakers(async () => upstreams);
  const { breakers } = await response.json<{ breakers: { upstream: string }[] }>();
  const names = breakers.map(({ upstream }) => upstream);
  expect(names).toEqual([...SHARED_UPSTREAMS, "history-db-7", "history-us-queue"]);
});

it("operators see all other breakers while history can't say what it has, or is of the release before", async () => {
  const response = await readBreakers(async () => {
    throw new TypeError("The RPC receiver does not implement the method");
  });
  const { breakers } = await response.json<{ breakers: { upstream: string }[] }>();
  expect(breakers.map(({ upstream }) => upstream)).toEqual([...SHARED_UPSTREAMS]);
});

it("operators see of every shared upstream who calls it, and which engine decides for whom", async () => {
  const response = await readBreakers(NONE);
  const { at, breakers } = await response.json<{ at: number; breakers: { upstream: string }[] }>();
  expect(at).toBe(1_000);
  expect(breakers.find(({ upstream }) => upstream === "history")).toEqual({
    upstream: "history",
    state: "closed",
    version: 2,
    total: 0,
    failures: 0,
    callers: VIEWS["history"]?.callers,
  });
  // Every member of the answer is in the contract that operators have.
  const told =
    /^\| `GET \/v1\/ops\/breakers` \|.*$/m.exec(readFileSync(`${PROJECT_ROOT}docs/api.md`, "utf8"))?.[0] ??
    "";
  const names = [...Object.keys(breakers[0] ?? {}), ...Object.keys(VIEWS["history"]?.callers?.[0] ?? {})];
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(told))).toEqual([]);
  // An object of the release before tells of none.
  expect(breakers.find(({ upstream }) => upstream === "identity")).toMatchObject({ callers: [] });
});
