import { describe, expect, it } from "vitest";
import { addHistoryRoutes } from "../../src/bff/app/history-routes.ts";
import { CodedError } from "../../src/contracts/errors.ts";
import type { HistoryPlayback } from "../../src/contracts/history.ts";
import { createBff, type BffFetch } from "../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../src/platform/guard/guarded-rpc.ts";
import { internalTokenVerifier } from "../../src/platform/bff/internal-token.ts";
import { createLogger } from "../../src/platform/logger.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { testGuard } from "../support/workers/test-guard.ts";

interface Failing {
  /** What the service does with each call. */
  readonly service?: () => Promise<never>;
  /** Whether the BFF crashes, after it has called the service or before. */
  readonly bff?: "before" | "after";
}

/**
 * Gateway, app BFF and history service, each with its real guard, and a count of the calls that
 * each of them gets.
 */
async function threeLayers({ service = () => Promise.reject(new Error("gone")), bff }: Failing) {
  const calls = { bff: 0, service: 0 };
  let fetchBff: BffFetch | null = null;
  const { call, clock, identityKey, gatewayKey } = await testGateway(async (request) => {
    calls.bff += 1;
    if (bff === "before") return new Response("crashed", { status: 500 });
    const response = (await fetchBff?.(request, {})) ?? new Response(null, { status: 500 });
    return bff === "after" ? new Response("crashed", { status: 500 }) : response;
  });
  const answer = (): Promise<never> => {
    calls.service += 1;
    return service();
  };
  const history = { list: answer, report: answer, lookup: answer } as unknown as HistoryPlayback;
  fetchBff = createBff({
    verifyInternalToken: internalTokenVerifier({
      jwks: { keys: [{ ...gatewayKey.publicJwk, kid: "gateway-1" }] },
      audience: "playhead-app-bff",
      now: () => clock.now(),
    }),
    logger: createLogger({ worker: "playhead-app-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes(app) {
      const guarded = guardedRpc(history, testGuard({ upstream: "history", timeoutMs: 400 }));
      addHistoryRoutes(app, { history: guarded, reports: guarded, now: Date.now });
    },
  });
  const token = await accessToken({ key: identityKey, nowMs: clock.now() });
  const ask = (
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    call(path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
  return { ask, calls };
}

const REPORT = JSON.stringify({ reports: [{ kind: "video", itemId: "m1", positionMs: 1 }] });
const LOOKUP = JSON.stringify({ items: [{ kind: "video", itemId: "m1" }] });

describe("one request of a client makes", () => {
  it("three calls at a failing service, and one at each layer above it", async () => {
    const { ask, calls } = await threeLayers({});
    const response = await ask("GET", "/v1/history");
    expect([response.status, response.headers.get("x-no-retry")]).toEqual([503, "1"]);
    expect(calls).toEqual({ bff: 1, service: 3 });
  });

  it("three calls at a BFF that crashes, and none below", async () => {
    const { ask, calls } = await threeLayers({ bff: "before" });
    expect((await ask("GET", "/v1/history")).status).toBe(503);
    expect(calls).toEqual({ bff: 3, service: 0 });
  });

  it("one call at a BFF wherever it writes, and three below where the BFF has dated what it writes", async () => {
    for (const failing of [{}, { bff: "before" }] as const) {
      const { ask, calls } = await threeLayers(failing);
      expect((await ask("POST", "/v1/history/reports", REPORT)).status).toBe(503);
      expect(calls).toEqual({ bff: 1, service: "bff" in failing ? 0 : 3 });
    }
  });

  it("one call at a BFF that crashes under a key, and the client is not kept from asking again by it", async () => {
    const { ask, calls } = await threeLayers({ bff: "before" });
    const noRetry = async (headers: Record<string, string>) =>
      (await ask("POST", "/v1/history/reports", REPORT, headers)).headers.get("x-no-retry");
    expect([await noRetry({ "idempotency-key": "k" }), await noRetry({})]).toEqual([null, "1"]);
    expect(calls.bff).toBe(2);
  });

  it("three calls at the service where it reads by POST: the gateway knows no reads but GET", async () => {
    const { ask, calls } = await threeLayers({});
    expect((await ask("POST", "/v1/history/lookup", LOOKUP)).status).toBe(503);
    expect(calls).toEqual({ bff: 1, service: 3 });
  });

  it("one call at a service that is overloaded", async () => {
    const overloaded = new CodedError("OVERLOADED", "full", { retryAfterMs: 5_000 });
    const { ask, calls } = await threeLayers({ service: () => Promise.reject(overloaded) });
    const response = await ask("GET", "/v1/history");
    expect([
      response.status,
      response.headers.get("retry-after"),
      response.headers.get("x-overloaded"),
    ]).toEqual([503, "5", null]);
    expect(calls).toEqual({ bff: 1, service: 1 });
  });

  it("no step after its time is up", async () => {
    const { ask, calls } = await threeLayers({ service: () => new Promise(() => undefined) });
    const response = await ask("GET", "/v1/history", undefined, { "x-request-timeout-ms": "60" });
    expect(response.status).toBe(504);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(calls).toEqual({ bff: 1, service: 1 });
  });
});
