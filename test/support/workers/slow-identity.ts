import { vi } from "vitest";
import { wire as wireAccount } from "../../../src/bff/account/wire.ts";
import { wire as wireGateway } from "../../../src/gateway/wire.ts";
import { Accounts, Trust } from "../../../src/identity/worker.ts";
import { testKey } from "./ed25519.ts";
import { guardBindings, hungService } from "./hung-bindings.ts";
import { migrationsOf } from "../databases/migrations.ts";
import { sqliteD1 } from "../databases/sqlite-d1.ts";
import { MemoryWindows } from "./memory-windows.ts";
import { slowD1, type Slowness } from "../databases/slow-d1.ts";

const CTX = { waitUntil: () => undefined } as unknown as ExecutionContext;
const STEP_MS = 20;
/**
 * Real time between two steps of the faked clock: what is real (cryptography, bodies) is done by
 * then.
 */
const PAUSE_MS = 2;
const STEPS_MAX = 1_000;

/** Turns the faked clock on, a step at a time and slowly, until the work has ended. */
async function slowly<T>(work: Promise<T>): Promise<T> {
  const state = { hasEnded: false };
  void work.finally(() => void (state.hasEnded = true)).catch(() => undefined);
  for (let step = 0; step < STEPS_MAX && !state.hasEnded; step += 1) {
    const pausedAtMs = performance.now();
    while (!state.hasEnded && performance.now() - pausedAtMs < PAUSE_MS)
      await new Promise((resolve) => void setImmediate(resolve));
    if (!state.hasEnded) vi.advanceTimersByTime(STEP_MS);
  }
  return work;
}

/** What one request comes to: its status, and what its client is told about trying again. */
export interface Told {
  readonly status: number;
  readonly noRetry: string | null;
  readonly retryAfter: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Gateway, account BFF and identity as they are deployed, over a database that a test makes slow.
 * Timers and the clock are vitest's.
 *
 * @param database what is stored already; an empty one if absent
 */
export async function slowIdentity(database = sqliteD1(migrationsOf("identity"))) {
  const slowness: Slowness = { ms: 0, loses: false };
  /**
   * What is to fail in between: the BFF after it has called identity, or the isolate that
   * identity's call runs in.
   */
  const lost: { answerOf: "bff" | "identity" | null } = { answerOf: null };
  const windows = new MemoryWindows(Date.now);
  const windowsOf = {
    idFromName: (name: string) => ({ name }),
    get: ({ name }: { readonly name: string }) => windows.windowOf(name),
  };
  const identityEnv = {
    ...guardBindings(),
    KEY_ENCRYPTION_KEY: "A".repeat(43),
    ADMIN_EMAIL: "",
    ADMIN_PASSWORD: "",
    RATE_LIMIT_SCALE: "1000",
    SESSION_AGE_MS_MAX: "15552000000",
    REFRESH_LEEWAY_MS: "10000",
    CELLS: "main",
    CELL_OF: "*=main",
    IDENTITY_DB: slowD1(database, slowness),
    RATE_WINDOW: windowsOf,
    HISTORY: hungService(),
  } as unknown as IdentityEnv;
  const accounts: object = new Accounts(CTX, identityEnv);
  const isolate = new Proxy(accounts, {
    get:
      (target, name) =>
      async (...args: unknown[]) => {
        const answer: unknown = await (Reflect.get(target, name) as (...given: unknown[]) => unknown).apply(
          target,
          args,
        );
        if (lost.answerOf === "identity") throw new Error("The isolate was reset");
        return answer;
      },
  });
  const gatewayKey = await testKey("gateway-1");
  const { kty, crv, x, kid } = gatewayKey.publicJwk;
  const bffEnv = {
    ...guardBindings(),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    IDENTITY: isolate,
  };
  const fetchBff = wireAccount(bffEnv as never);
  const bff = {
    fetch: async (request: Request) => {
      const response = await fetchBff(request, {});
      return lost.answerOf === "bff"
        ? new Response("crashed", { status: 500, headers: { "retry-after": "7" } })
        : response;
    },
  };
  const { d } = gatewayKey.privateJwk;
  const fetchGateway = wireGateway({
    ...guardBindings(),
    CORS_ORIGINS: "",
    RATE_LIMIT_SCALE: "1000",
    LIMIT_MODES: "",
    LOG_SAMPLE: "100",
    TEST_CONTINENT: "off",
    OVERLOAD_LIMITER: "bbr",
    GATEWAY_SIGNING_KEY: JSON.stringify({ kty, crv, x, d, kid }),
    ACCOUNT_BFF: bff,
    APP_BFF: bff,
    OPS_BFF: bff,
    REALTIME: bff,
    IDENTITY: new Trust(CTX, identityEnv),
    RATE_WINDOW: windowsOf,
  } as unknown as GatewayEnv);

  async function send(route: string, body: object | undefined, token: string | undefined): Promise<Told> {
    const [method = "", path = ""] = route.split(" ");
    const headers = {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetchGateway(new Request(`http://gateway${path}`, init), {}, CTX);
    const text = await response.text();
    return {
      status: response.status,
      noRetry: response.headers.get("x-no-retry"),
      retryAfter: response.headers.get("retry-after"),
      body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }
  const ask = (route: string, body?: object, token?: string): Promise<Told> =>
    slowly(send(route, body, token));
  return { slowness, lost, ask, database };
}
