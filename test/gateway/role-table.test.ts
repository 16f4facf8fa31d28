import { describe, expect, it } from "vitest";
import { ROUTES } from "../../src/gateway/routes.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

/*
 * Who may call what, written out: whoever changes a row of the gateway's table changes it here as
 * well, on purpose.
 */

type Audience = "anybody" | "users" | "operators" | "admins";

const TABLE: Readonly<Record<string, Audience>> = {
  "POST /v1/account/register": "anybody",
  "POST /v1/account/login": "anybody",
  "POST /v1/account/refresh": "anybody",
  "POST /v1/account/logout": "users",
  "POST /v1/account/password": "users",
  "GET /v1/account/me": "users",
  "DELETE /v1/account/me": "users",
  "POST /v1/history/reports": "users",
  "GET /v1/history": "users",
  "GET /v1/history/continue": "users",
  "POST /v1/history/lookup": "users",
  "GET /v1/history/changes": "users",
  "GET /v1/history/export": "users",
  "GET /v1/history/settings": "users",
  "PUT /v1/history/settings": "users",
  "PUT /v1/history/:kind/:itemId": "users",
  "DELETE /v1/history/:kind/:itemId": "users",
  "DELETE /v1/history": "users",
  "GET /v1/home": "users",
  "GET /v1/wallet": "users",
  "GET /v1/wallet/entries": "users",
  "POST /v1/transfers": "users",
  "GET /v1/transfers": "users",
  "GET /v1/transfers/:id": "users",
  "GET /v1/realtime": "users",
  "POST /v1/realtime/tickets": "users",
  "GET /sub": "anybody",
  "GET /v1/ops/overview": "operators",
  "POST /v1/ops/history/flush": "admins",
  "GET /v1/ops/rejected": "operators",
  "POST /v1/ops/rejected/redrive": "admins",
  "PUT /v1/ops/users/:id/roles": "admins",
  "GET /v1/ops/breakers": "operators",
  "GET /v1/ops/limits": "operators",
  "PUT /v1/ops/faults": "admins",
  "POST /v1/ops/wallets/:userId/deposits": "admins",
  "POST /v1/ops/deposits/:id/reverse": "admins",
  "PUT /v1/ops/wallets/:userId/state": "admins",
  "GET /v1/ops/outbox": "operators",
  "POST /v1/ops/outbox/redrive": "admins",
  "POST /v1/ops/outbox/park": "admins",
  "GET /v1/ops/dead-letters": "operators",
  "POST /v1/ops/dead-letters/redrive": "admins",
  "GET /v1/ops/audit": "operators",
  "POST /v1/ops/transfers/:id/refund": "admins",
  "GET /v1/ops/reconcile": "operators",
  "GET /v1/ops/changes": "operators",
  "POST /v1/ops/push/users": "admins",
  "POST /v1/ops/push/room": "admins",
  "POST /v1/ops/push/all": "admins",
  "GET /v1/ops/online": "operators",
  "POST /v1/ops/keys/rotate": "admins",
};

/**
 * What callers get, by whom the route is for. Nobody is without a token, `[]` with one that names
 * no role.
 */
const CALLERS = [
  { name: "nobody", roles: null, anybody: 200, users: 401, operators: 401, admins: 401 },
  { name: "no role", roles: [], anybody: 200, users: 403, operators: 403, admins: 403 },
  { name: "an unknown role", roles: ["emperor"], anybody: 200, users: 403, operators: 403, admins: 403 },
  { name: "a user", roles: ["user"], anybody: 200, users: 200, operators: 403, admins: 403 },
  { name: "an operator", roles: ["operator"], anybody: 200, users: 200, operators: 200, admins: 403 },
  { name: "an admin", roles: ["admin"], anybody: 200, users: 200, operators: 200, admins: 200 },
  {
    name: "a user who is operator",
    roles: ["user", "operator"],
    anybody: 200,
    users: 200,
    operators: 200,
    admins: 403,
  },
] as const;

/** What whoever may call it gets here, where that isn't 200: nobody asks for a WebSocket. */
const OTHER_SUCCESS: Readonly<Record<string, number>> = {
  "GET /v1/realtime": 426,
  "POST /v1/realtime/tickets": 201,
  "GET /sub": 426,
};

const rows = ROUTES.flatMap((route) =>
  route.methods.map((method) => ({ ...route, key: `${method} ${route.path}`, method })),
);

describe("the gateway's routes", () => {
  it("are those of the table here", () => {
    expect(rows.map(({ key }) => key).toSorted()).toEqual(Object.keys(TABLE).toSorted());
  });

  it.each(CALLERS)("answer $name as the table says, each of them", async ({ roles, ...statuses }) => {
    const { call, clock, identityKey } = await testGateway();
    const answers: Record<string, number> = {};
    const wanted: Record<string, number> = {};
    for (const { key, method, path } of rows) {
      // A caller of their own each: this is about roles, not about quotas.
      const token =
        roles === null
          ? null
          : await accessToken({ key: identityKey, nowMs: clock.now(), userId: key, sessionId: key, roles });
      const headers: Record<string, string> = {
        "cf-connecting-ip": `192.0.2.${rows.findIndex((row) => row.key === key)}`,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      };
      answers[key] = (await call(path.replaceAll(/:\w+/g, "x"), { method, headers })).status;
      const status = statuses[TABLE[key] ?? "admins"];
      wanted[key] = status === 200 ? (OTHER_SUCCESS[key] ?? 200) : status;
    }
    expect(answers).toEqual(wanted);
  });

  it("under /v1/ops ask for an `ops:` permission, to read or to change, and are the operators' BFF's alone", () => {
    const ofOperators = rows.filter(
      ({ path, upstream }) => path.startsWith("/v1/ops/") || upstream === "ops",
    );
    expect(ofOperators.length).toBeGreaterThan(0);
    for (const { key, path, method, upstream, permission } of ofOperators) {
      expect([key, path.startsWith("/v1/ops/"), upstream, permission]).toEqual([
        key,
        true,
        "ops",
        method === "GET" ? "ops:read" : "ops:write",
      ]);
    }
  });
});
