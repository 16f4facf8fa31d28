import { Hono } from "hono";
import { describe, expect, it, vi } from "vitest";
import { createAccountApp } from "../../src/bff/account/account-app.ts";
import { addHistoryRoutes } from "../../src/bff/app/history-routes.ts";
import { addHomeRoute } from "../../src/bff/app/home-route.ts";
import { addMoneyRoutes } from "../../src/bff/app/money-routes.ts";
import { createOpsApp } from "../../src/bff/ops/ops-app.ts";
import type { Principal } from "../../src/contracts/call-context.ts";
import { BFF_NAMES, type BffName } from "../../src/contracts/internal-request.ts";
import type { Role } from "../../src/contracts/permissions.ts";
import { ROUTES } from "../../src/gateway/routes.ts";
import { createBff, type BffFetch } from "../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../src/platform/logger.ts";
import { testGuard } from "../support/workers/test-guard.ts";

/*
 * A gateway that let everybody through would grant nothing: whoever holds a user's internal token
 * is asked again next to what is done.
 */

/** Each BFF with all of its routes, over services that write down that they were called. */
function bffs(principal: Principal | null) {
  const called: string[] = [];
  const service = new Proxy({}, { get: (_target, method) => async () => void called.push(String(method)) });
  const rpc = guardedRpc(service as never, testGuard());
  const options = {
    verifyInternalToken: async () => principal,
    logger: createLogger({ worker: "bff", level: "silent" }),
    now: Date.now,
  };
  const ledgers = { wallet: rpc, savings: rpc } as never;
  const { logger, now } = options;
  const all: Readonly<Record<BffName, BffFetch>> = {
    account: createAccountApp({ ...options, identity: rpc, sessions: rpc, passwords: rpc }),
    app: createBff({
      ...options,
      checkReady: async () => undefined,
      addRoutes(app) {
        addHistoryRoutes(app, { history: rpc, reports: rpc, now });
        addHomeRoute(app, { history: rpc, identity: rpc, ledgers, logger });
        addMoneyRoutes(app, { ledgers, movers: ledgers });
      },
    }),
    ops: createOpsApp({
      ...options,
      services: { history: rpc, identity: rpc, ledgers, realtime: rpc },
      reconciliation: { ledgersOf: () => ledgers, sleep: async () => undefined },
      availability: {
        guard: testGuard(),
        breakerOf: () => service as never,
        upstreamsOfHistory: async () => [],
        windowOf: () => service as never,
        faults: null,
      },
    }),
  };
  return { all, called };
}

/** Every route of a BFF; who else answers one is asked by tests of their own. */
const rows = ROUTES.flatMap(({ path, methods, upstream: name, permission }) => {
  const upstream = BFF_NAMES.find((bff) => bff === name);
  if (upstream === undefined) return [];
  return methods.map((method) => ({
    key: `${method} ${path}`,
    method,
    path: path.replaceAll(/:\w+/g, "x"),
    upstream,
    permission,
  }));
});

async function statuses(
  principal: Principal | null,
): Promise<{ answers: Record<string, number>; called: readonly string[] }> {
  const { all, called } = bffs(principal);
  const answers: Record<string, number> = {};
  for (const { key, method, path, upstream } of rows) {
    const init = method === "GET" ? { method } : { method, body: "{}" };
    answers[key] = (await all[upstream](new Request(`http://bff${path}`, init), {})).status;
  }
  return { answers, called };
}

const as = (...roles: readonly Role[]): Principal => ({ userId: "ada", sessionId: "s-1", roles });

describe("a BFF", () => {
  it("answers a plain user 403 on every route of operators, and calls nobody", async () => {
    const { answers, called } = await statuses(as("user"));
    const ofOperators = rows
      .filter(({ upstream }) => upstream === "ops")
      .map(({ key }) => [key, answers[key]]);
    expect(ofOperators.length).toBeGreaterThan(0);
    expect(ofOperators).toEqual(ofOperators.map(([key]) => [key, 403]));
    expect(called.filter((method) => /role|key|redrive|flush|deposit/i.test(method))).toEqual([]);
  });

  it("answers an operator who may only read 403 on every route that changes something", async () => {
    const { answers } = await statuses(as("operator"));
    for (const { key, permission } of rows)
      expect([key, answers[key] === 403]).toEqual([key, permission === "ops:write"]);
  });

  it("lets an admin pass everywhere", async () => {
    const { answers } = await statuses(as("admin"));
    expect(Object.entries(answers).filter(([, status]) => status === 403 || status === 401)).toEqual([]);
  });

  it("answers whoever has no role 403, and nobody 401, wherever the gateway asks for a permission, and calls no service", async () => {
    for (const [principal, status] of [
      [as(), 403],
      [null, 401],
    ] as const) {
      const { answers, called } = await statuses(principal);
      const guarded = rows
        .filter(({ permission }) => permission !== null)
        .map(({ key }) => [key, answers[key]]);
      expect(guarded).toEqual(guarded.map(([key]) => [key, status]));
      expect(called).toEqual([]);
    }
  });

  it("keeps the one handler of a hot route on Hono's fast path: nothing runs around it", () => {
    const app = new Hono<never>();
    const use = vi.spyOn(app, "use");
    const history = guardedRpc({} as never, testGuard());
    addHistoryRoutes(app as never, { history, reports: history, now: Date.now });
    expect(use).not.toHaveBeenCalled();
    expect(app.routes.map(({ method, path }) => `${method} ${path}`)).toEqual([
      ...new Set(app.routes.map(({ method, path }) => `${method} ${path}`)),
    ]);
  });
});
