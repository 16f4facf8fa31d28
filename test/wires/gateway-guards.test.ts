import { beforeEach, describe, expect, it, vi } from "vitest";
import { wire } from "../../src/gateway/wire.ts";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import { guardBindings, hungService, never } from "../support/workers/hung-bindings.ts";
import { snapshotOf } from "../support/workers/test-gateway.ts";
import { forgetGuards, guardsMade, opens } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const gatewayKey = await testKey("gateway-1");
const identityKey = await testKey("identity-1");

const ANSWER = {
  allowed: true,
  limit: 10,
  remaining: 9,
  resetMs: 60_000,
  retryAfterMs: 0,
  granted: 0,
  holdMs: 0,
};

interface World {
  /** How far clients' windows are away, in ms; infinitely if absent: they hang. */
  readonly windowMs?: number;
  /** The only client whose window is so far away; all are if absent. */
  readonly illClient?: string;
  readonly identityHangs?: boolean;
}

/**
 * The gateway as it is deployed. Its upstreams answer until they are told to hang: tokens are
 * verified and minted once, in real time.
 */
async function gateway({
  windowMs = Number.POSITIVE_INFINITY,
  illClient,
  identityHangs = false,
}: World = {}) {
  let isWarm = identityHangs;
  const bff = { fetch: () => (isWarm ? never : Promise.resolve(Response.json({}))) };
  const windowOf = (client: string): object => ({
    ask: async (asks: readonly unknown[]) => {
      if (illClient !== undefined && client !== illClient) return asks.map(() => ANSWER);
      if (isWarm && windowMs === Number.POSITIVE_INFINITY) await never;
      if (isWarm) await new Promise((resolve) => setTimeout(resolve, windowMs));
      return asks.map(() => ANSWER);
    },
  });
  const { kty, crv, x, d, kid } = { ...gatewayKey.privateJwk };
  const env = {
    ...guardBindings(),
    CORS_ORIGINS: "",
    LOG_SAMPLE: "100",
    TEST_CONTINENT: "off",
    RATE_LIMIT_SCALE: "100",
    LIMIT_MODES: "",
    OVERLOAD_LIMITER: "bbr",
    GATEWAY_SIGNING_KEY: JSON.stringify({ kty, crv, x, d, kid }),
    ACCOUNT_BFF: bff,
    APP_BFF: bff,
    OPS_BFF: bff,
    REALTIME: bff,
    IDENTITY: identityHangs ? hungService() : { snapshot: async () => snapshotOf([identityKey.publicJwk]) },
    RATE_WINDOW: {
      idFromName: (name: string) => ({ name }),
      get: ({ name }: { readonly name: string }) => windowOf(name),
    },
  };
  const fetchGateway = wire(env as unknown as GatewayEnv);
  const tokenOf = (userId: string): Promise<string> =>
    accessToken({ key: identityKey, nowMs: Date.now(), userId, roles: ["user", "admin"] });
  const tokens = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => tokenOf(`user-${index}`)));
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  /** Asks as one of many clients: they have their own windows, which fail apart. */
  const ask = (route: string, more: Readonly<Record<string, string>> = {}, client = 0): Promise<Response> => {
    const [method = "", path = ""] = route.split(" ");
    const init = method === "GET" ? { method } : { method, body: "{}" };
    const authorization = `Bearer ${tokens[client % CLIENTS]}`;
    const headers = {
      authorization,
      "cf-connecting-ip": addressOf(client),
      "content-type": "application/json",
      // Means nothing where there are no sockets.
      upgrade: "websocket",
      ...more,
    };
    return fetchGateway(new Request(`http://gateway${path}`, { ...init, headers }), {}, ctx);
  };
  async function warmUp(route: string): Promise<void> {
    if (isWarm) return;
    for (let client = 0; client < CLIENTS; client += 1) await ask(route, {}, client);
    isWarm = true;
  }
  return { ask, warmUp };
}

/** As many as make their requests at once. */
const CLIENTS = 25;
const addressOf = (client: number): string => `192.0.2.${client % CLIENTS}`;

/** For each upstream requests that need it, in a world where it hangs. */
const ROWS: Readonly<Record<string, readonly (readonly [route: string, world: World])[]>> = {
  account: [
    ["GET /v1/account/me", {}],
    ["POST /v1/account/login", { windowMs: 25 }],
    ["POST /v1/account/login", { windowMs: 300 }],
    ["POST /v1/account/refresh", {}],
  ],
  app: [
    ["GET /v1/history", {}],
    ["POST /v1/history/reports", {}],
    ["POST /v1/transfers", { windowMs: 25 }],
    ["POST /v1/transfers", { windowMs: 390 }],
  ],
  ops: [
    ["GET /v1/ops/overview", {}],
    ["GET /v1/ops/reconcile", {}],
  ],
  realtime: [
    ["GET /v1/realtime", {}],
    ["GET /sub", {}],
  ],
  "rate-window": [
    ["POST /v1/account/login", {}],
    ["POST /v1/transfers", {}],
  ],
  identity: [["GET /v1/account/me", { identityHangs: true }]],
  // Asked once a second and one at a time: what is asked so seldom needs no breaker, and is found
  // well the sooner.
  "account-ready": [],
  "app-ready": [],
  "ops-ready": [],
  "realtime-ready": [],
};
const EACH = Object.entries(ROWS).flatMap(([upstream, rows]) =>
  rows.map(([route, world]) => [upstream, route, world] as const),
);

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

describe("in the gateway", () => {
  it("every guard has its row here", async () => {
    await gateway();
    expect(guardsMade()).toEqual(Object.keys(ROWS).sort());
  });

  it.each(EACH)("%s that hangs is left alone: %s", async (upstream, route, world) => {
    const { ask, warmUp } = await gateway(world);
    await warmUp(route);
    // Keys are pulled by one request for all; until there are some, each asks anew.
    const driving = upstream === "identity" ? { atOnce: 1, rounds: 40 } : {};
    expect(await opens(upstream, (client) => ask(route, {}, client), driving)).toBe(true);
  });

  it.each(EACH.filter(([upstream]) => upstream !== "identity"))(
    "%s is not taken for ill by clients in a hurry: %s",
    async (upstream, route, world) => {
      const { ask, warmUp } = await gateway(world);
      await warmUp(route);
      // Of a window 400 ms are the whole timeout, whatever the client's patience; of a BFF nine
      // tenths of the route's time are not.
      const patiencesMs = upstream === "rate-window" ? [20, 150, 395] : [20, 150, 395, 900];
      for (const ms of patiencesMs.map(String)) {
        expect(await opens(upstream, (client) => ask(route, { "x-request-timeout-ms": ms }, client))).toBe(
          false,
        );
      }
      expect(await opens(upstream, (client) => ask(route, { "grpc-timeout": "390m" }, client))).toBe(false);
    },
  );

  it("readiness opens no breaker that the traffic needs, however often it is asked of an upstream that hangs", async () => {
    const { ask, warmUp } = await gateway();
    await warmUp("GET /v1/account/me");
    for (const upstream of ["account", "app", "ops"])
      expect(await opens(upstream, () => ask("GET /readyz"), { passesBy: true })).toBe(false);
  });

  it.each([
    ["POST /v1/account/login", `address:${addressOf(7)}`],
    ["POST /v1/transfers", "user:user-7"],
  ])("the window of one client that hangs closes nobody else's: %s", async (route, illClient) => {
    const { ask, warmUp } = await gateway({ illClient });
    await warmUp(route);
    const of = (client: number) => (): Promise<Response> => ask(route, {}, client);
    expect(await opens("rate-window", of(7), { rounds: 4 })).toBe(false);
    // The BFFs hang in this world: whether it was asked is what tells.
    expect(await opens(route.includes("login") ? "account" : "app", of(8), { rounds: 4 })).toBe(true);
  });
});
