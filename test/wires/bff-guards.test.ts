import { beforeEach, describe, expect, it, vi } from "vitest";
import { wire as wireAccount } from "../../src/bff/account/wire.ts";
import { wire as wireApp } from "../../src/bff/app/wire.ts";
import { wire as wireOps } from "../../src/bff/ops/wire.ts";
import type { BffFetch } from "../../src/platform/bff/bff-app.ts";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";
import { testKey } from "../support/workers/ed25519.ts";
import { guardBindings, hungObjects, hungService } from "../support/workers/hung-bindings.ts";
import { forgetGuards, guardsMade, opens, wasAsked } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const ADA = "0190a1b2-0000-7000-8000-000000000001";

type Ask = (index: number) => { readonly route: string; readonly ms: number; readonly body?: object };

/** For each upstream a request that needs it, and the time that the gateway grants its route. */
const ASKS: Readonly<Record<string, Readonly<Record<string, readonly Ask[]>>>> = {
  account: {
    identity: [
      () => ({ route: "GET /v1/account/me", ms: 970 }),
      () => ({ route: "POST /v1/account/refresh", ms: 2_970, body: { refreshToken: "r" } }),
      () => ({ route: "POST /v1/account/logout", ms: 2_970 }),
      () => ({
        route: "POST /v1/account/login",
        ms: 4_970,
        body: { email: "ada@example.com", password: "correct horse" },
      }),
    ],
  },
  app: {
    history: [
      () => ({ route: "GET /v1/history", ms: 970 }),
      () => ({
        route: "POST /v1/history/reports",
        ms: 970,
        body: { reports: [{ kind: "video", itemId: "m1", positionMs: 1 }] },
      }),
    ],
    identity: [() => ({ route: "GET /v1/home", ms: 970 })],
    wallet: [
      () => ({ route: "GET /v1/wallet", ms: 970 }),
      () => ({ route: "GET /v1/home", ms: 970 }),
      () => ({ route: "POST /v1/transfers", ms: 2_970, body: { from: "wallet", to: "savings", amount: 1 } }),
    ],
    savings: [
      () => ({ route: "GET /v1/transfers", ms: 970 }),
      () => ({ route: "POST /v1/transfers", ms: 2_970, body: { from: "savings", to: "wallet", amount: 1 } }),
    ],
  },
  ops: {
    history: [() => ({ route: "POST /v1/ops/history/flush", ms: 4_970 })],
    identity: [() => ({ route: `PUT /v1/ops/users/${ADA}/roles`, ms: 4_970, body: { roles: ["user"] } })],
    wallet: [() => ({ route: "GET /v1/ops/outbox?ledger=wallet", ms: 4_970 })],
    savings: [() => ({ route: "GET /v1/ops/outbox?ledger=savings", ms: 4_970 })],
    "realtime-pushes": [
      () => ({ route: "GET /v1/ops/online", ms: 4_970 }),
      () => ({ route: "POST /v1/ops/push/all?operation=1000", ms: 4_970, body: {} }),
    ],
    durable: [(index) => ({ route: `GET /v1/ops/limits?client=address:192.0.2.${index}`, ms: 4_970 })],
  },
};

const gatewayKey = await testKey("gateway-1");

/**
 * A BFF as it is deployed, all of whose upstreams hang, and a way to ask it as the gateway does.
 */
async function bff(name: string, more: Readonly<Record<string, object>> = {}) {
  const { kty, crv, x, kid } = gatewayKey.publicJwk;
  const service = hungService();
  const env = {
    ...guardBindings(),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    HISTORY: service,
    IDENTITY: service,
    WALLET: service,
    SAVINGS: service,
    REALTIME: service,
    RATE_WINDOW: hungObjects(),
    ...more,
  };
  const wires: Readonly<Record<string, (from: never) => BffFetch>> = {
    account: wireAccount,
    app: wireApp,
    ops: (env) => wireOps(env).fetch,
  };
  const fetchBff = wires[name]?.(env as never);
  if (fetchBff === undefined) throw new Error(`there is no BFF ${name}`);
  const mint = internalTokenMinter(gatewayKey.privateJwk, Date.now);
  const token = await mint(
    { userId: ADA, sessionId: "s-1", roles: ["user", "admin"] },
    `playhead-${name}-bff`,
  );
  // A token is verified once, in real time: from here on nothing takes time but what hangs.
  await fetchBff(new Request("http://bff/nowhere", { headers: { "x-internal-token": token } }), {});
  return function ask(
    { route, ms, body }: ReturnType<Ask>,
    moreHeaders: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const [method = "", path = ""] = route.split(" ");
    const headers = {
      "x-internal-token": token,
      "x-deadline-ms": String(ms),
      "content-type": "application/json",
      "idempotency-key": "0190a1b2-0000-7000-8000-00000000000a",
      ...moreHeaders,
    };
    return fetchBff(
      new Request(`http://bff${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
      {},
    );
  };
}

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

describe.each(Object.entries(ASKS))("in the %s BFF", (name, byUpstream) => {
  it("every guard has its row here", async () => {
    await bff(name);
    expect(guardsMade()).toEqual(Object.keys(byUpstream).sort());
  });

  it.each(
    Object.entries(byUpstream).flatMap(([upstream, asks]) =>
      asks.map((ask) => [upstream, ask(0).route, ask] as const),
    ),
  )("%s that hangs is left alone: %s", async (upstream, _route, asked) => {
    const ask = await bff(name);
    expect(await opens(upstream, (index) => ask(asked(index)))).toBe(true);
  });

  it.each(
    Object.entries(byUpstream).flatMap(([upstream, asks]) =>
      asks.map((ask) => [upstream, ask(0).route, ask] as const),
    ),
  )("%s is not taken for ill by clients in a hurry: %s", async (upstream, _route, asked) => {
    const ask = await bff(name);
    // Whoever is not told how much is usual goes by the timeout; whoever is, by what the gateway
    // says.
    expect(await opens(upstream, (index) => ask({ ...asked(index), ms: 130 }))).toBe(false);
    expect(await opens(upstream, (index) => ask({ ...asked(index), ms: 300 }, { "x-hurried": "1" }))).toBe(
      false,
    );
  });
});

it("a history of the release before, which can't say what it has, isn't left alone for that by operators who look", async () => {
  const upstreams = async (): Promise<never> => {
    throw new TypeError('The RPC receiver does not implement the method "upstreams".');
  };
  const ask = await bff("ops", { HISTORY: { upstreams } });
  expect(await opens("history", () => ask({ route: "GET /v1/ops/breakers", ms: 4_970 }))).toBe(false);
  expect(wasAsked("history")).toBe(true);
});
