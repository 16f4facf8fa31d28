import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";
import { wire as wireApp } from "../../src/bff/app/wire.ts";
import { wire as wireGateway } from "../../src/gateway/wire.ts";
import { isInLogSample } from "../../src/gateway/in-log-sample.ts";
import { Playback } from "../../src/history/worker.ts";
import { Accounts } from "../../src/identity/worker.ts";
import { Funds } from "../../src/ledger/worker.ts";
import { migrationsOf } from "../support/databases/migrations.ts";
import { sqliteD1 } from "../support/databases/sqlite-d1.ts";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import { hungObjects, hungService, namespaceOf } from "../support/workers/hung-bindings.ts";
import { snapshotOf } from "../support/workers/test-gateway.ts";

/*
 * A request is logged whole or not at all: gateway, BFF and services as they are deployed, over
 * production's vars but for a sample of 1 in 4.
 */

vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

const SAMPLE = 4;
const ADA = "0190a1b2-0000-7000-8000-000000000001";
const CTX = { waitUntil: () => undefined } as unknown as ExecutionContext;
const GATEWAY_KEY = await testKey("gateway-1");
const IDENTITY_KEY = await testKey("identity-1");
const QUOTA = {
  allowed: true,
  limit: 10_000,
  remaining: 9_999,
  resetMs: 60_000,
  retryAfterMs: 0,
  granted: 0,
  holdMs: 0,
};

/** A worker's own vars, so that what is added to them is here too. */
const CONFIGS = readWorkerConfigs();
const varsOf = (worker: string): object => ({
  ...CONFIGS.find(({ name }) => name === worker)?.config.vars,
  BREAKER_STATE: hungObjects(),
  FAULT_BOARD: hungObjects(),
});

function history(): object {
  const shard = {
    continueWatching: async () => ({ items: [] }),
    report: async (_userId: string, reports: readonly unknown[]) => ({
      accepted: reports.length,
      ignored: 0,
    }),
  };
  return new Playback(CTX, {
    ...varsOf("playhead-history"),
    SHARD: namespaceOf(shard),
    MAPPING: hungObjects(),
    HISTORY_DB_0: sqliteD1(migrationsOf("history")),
    HISTORY_DB_1: sqliteD1(migrationsOf("history")),
    FLUSH_QUEUE: hungService(),
  } as unknown as HistoryEnv);
}

function ledger(name: "wallet" | "savings"): object {
  return new Funds(CTX, {
    ...varsOf(`playhead-${name}`),
    LEDGER_DB: sqliteD1(migrationsOf("ledger")),
    PEER: hungService(),
    PEER_QUEUE: hungService(),
    CHANGES_QUEUE: hungService(),
    PUBLISHER: hungObjects(),
  } as unknown as LedgerEnv);
}

function identity(): object {
  return new Accounts(CTX, {
    ...varsOf("playhead-identity"),
    KEY_ENCRYPTION_KEY: "A".repeat(43),
    ADMIN_EMAIL: "",
    ADMIN_PASSWORD: "",
    IDENTITY_DB: sqliteD1(migrationsOf("identity")),
    RATE_WINDOW: hungObjects(),
    HISTORY: hungService(),
  } as unknown as IdentityEnv);
}

function platform(): (request: Request) => Promise<Response> {
  const { kty, crv, x, d, kid } = GATEWAY_KEY.privateJwk;
  const fetchApp = wireApp({
    ...varsOf("playhead-app-bff"),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    HISTORY: history(),
    IDENTITY: identity(),
    WALLET: ledger("wallet"),
    SAVINGS: ledger("savings"),
  } as unknown as AppBffEnv);
  const fetchGateway = wireGateway({
    ...varsOf("playhead-gateway"),
    LOG_SAMPLE: String(SAMPLE),
    TEST_CONTINENT: "off",
    RATE_LIMIT_SCALE: "100",
    GATEWAY_SIGNING_KEY: JSON.stringify({ kty, crv, x, d, kid }),
    ACCOUNT_BFF: hungService(),
    APP_BFF: { fetch: (request: Request) => fetchApp(request, {}, CTX) },
    OPS_BFF: hungService(),
    REALTIME: hungService(),
    IDENTITY: { snapshot: async () => snapshotOf([IDENTITY_KEY.publicJwk]) },
    RATE_WINDOW: namespaceOf({ ask: async (asks: readonly unknown[]) => asks.map(() => QUOTA) }),
  } as unknown as GatewayEnv);
  return (request) => fetchGateway(request, {}, CTX);
}

type Line = Readonly<Record<string, unknown>>;
const lines: Line[] = [];

beforeEach(() => {
  lines.splice(0);
  for (const level of ["debug", "log", "warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation((text: string) => void lines.push(JSON.parse(text) as Line));
});
afterEach(() => void vi.restoreAllMocks());

const traceOf = (index: number): string => {
  // As random as its last seven bytes have to be: multiples of the golden ratio.
  const random = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return `00-${"a".repeat(18)}${random.toString(16).padStart(8, "0")}abcdef-${"b".repeat(16)}-01`;
};

async function asker() {
  const send = platform();
  const token = await accessToken({ key: IDENTITY_KEY, nowMs: Date.now(), userId: ADA });
  return async function ask(method: string, path: string, traceparent: string, body?: object) {
    const response = await send(
      new Request(`https://api.example.com${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          "idempotency-key": "k-1",
          traceparent,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    await response.text();
    return response.status;
  };
}

/** Who has lines about this trace, each by its name, with what its line stands for. */
const tellersOf = (traceparent: string): readonly string[] =>
  lines
    .filter(({ traceId }) => traceId === traceparent.slice(3, 35))
    .map(({ worker, event, sample = 1 }) => `${String(worker)} ${String(event)} ${String(sample)}`)
    .toSorted();

const BY_GATEWAY_AND_BFF = ["playhead-app-bff request", "playhead-gateway request"];
const REPORT = { reports: [{ kind: "video", itemId: "m1", positionMs: 1 }] };
const HOT: [method: string, path: string, services: readonly string[], body?: object][] = [
  ["GET", "/v1/history/continue", ["history"]],
  ["POST", "/v1/history/reports", ["history"], REPORT],
  ["GET", "/v1/home", ["history", "identity", "savings", "wallet"]],
];

describe("a request of a hot route", () => {
  it.each(HOT)("%s %s is logged by all who work for it or by none", async (method, path, services, body) => {
    const ask = await asker();
    const calls = services.map((service) => `playhead-${service} call`);
    const all = [...BY_GATEWAY_AND_BFF, ...calls].map((teller) => `${teller} ${SAMPLE}`).toSorted();
    let logged = 0;
    for (let index = 0; index < 24; index += 1) {
      const traceparent = traceOf(index);
      expect(await ask(method, path, traceparent, body)).toBe(200);
      const isIn = isInLogSample(traceparent, SAMPLE);
      expect({ traceparent, by: tellersOf(traceparent) }).toEqual({ traceparent, by: isIn ? all : [] });
      if (isIn) logged += 1;
    }
    expect(logged).toBeGreaterThan(2);
    expect(logged).toBeLessThan(12);
  });

  it("that is refused is told by the gateway, in the sample or not, and stands for itself", async () => {
    const ask = await asker();
    for (let index = 0; index < 8; index += 1)
      expect(await ask("GET", "/v1/history?limit=0", traceOf(index))).toBe(422);
    const own = lines.filter(({ worker }) => worker === "playhead-gateway");
    expect(own).toHaveLength(8);
    expect(own.filter(({ sample }) => sample !== undefined)).toEqual([]);
  });
});

it("a request about money is logged by all who work for it, in the sample or not", async () => {
  const ask = await asker();
  for (let index = 0; index < 8; index += 1) {
    const traceparent = traceOf(index);
    expect(await ask("GET", "/v1/wallet", traceparent)).toBe(200);
    expect(new Set(tellersOf(traceparent))).toEqual(
      new Set([
        "playhead-app-bff request 1",
        "playhead-gateway request 1",
        "playhead-savings call 1",
        "playhead-wallet call 1",
      ]),
    );
  }
  const transfer = traceOf(100);
  const body = { from: "wallet", to: "savings", amount: 1 };
  expect(await ask("POST", "/v1/transfers", transfer, body)).toBe(422);
  expect(tellersOf(transfer)).toEqual([
    "playhead-app-bff request 1",
    "playhead-gateway request 1",
    "playhead-wallet call 1",
  ]);
  expect(lines.find(({ worker, code }) => worker === "playhead-wallet" && code !== undefined)).toMatchObject({
    code: "INSUFFICIENT_FUNDS",
  });
});
