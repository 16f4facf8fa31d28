import { waitUntil } from "cloudflare:workers";
import type { RateWindowRpc } from "../contracts/durable.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import { requestTimer } from "../platform/guard/call-timer.ts";
import { internalTokenMinter } from "../platform/bff/internal-token.ts";
import { objectsOf } from "../platform/objects.ts";
import { wireWorker } from "../platform/wire-worker.ts";
import { sleep } from "../platform/sleep.ts";
import { createGateway } from "./app.ts";
import { accessTokenAuthenticator } from "../platform/trust/authenticate.ts";
import { upstreamGuards, upstreamLimiters, readyGuards } from "./upstream-guards.ts";
import { ClientLimits } from "./client-limits.ts";
import { readGatewayConfig } from "./config.ts";
import { limitPolicies } from "./limit-policies.ts";
import { ROUTES } from "./routes.ts";
import { socketTickets } from "./tickets.ts";
import { TRUST_CACHE_NAME, TrustCache } from "../platform/trust/trust-cache.ts";
import { trustSeal } from "../platform/trust/trust-seal.ts";
import { wireTrust } from "../platform/trust/wire-trust.ts";

const now = Date.now;

/** Everything an isolate of the gateway runs on. */
export function wire(env: GatewayEnv) {
  const config = readGatewayConfig(env);
  const { logger, makeGuard } = wireWorker({
    name: "playhead-gateway",
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: requestTimer,
    background: waitUntil,
  });
  const trust = wireTrust({
    identity: env.IDENTITY,
    makeGuard,
    logger,
    now,
    shared: {
      cache: new TrustCache({
        open: () => caches.open(TRUST_CACHE_NAME),
        seal: trustSeal(config.GATEWAY_SIGNING_KEY),
        timer: requestTimer,
        now,
      }),
      background: waitUntil,
      random: Math.random,
    },
  });
  const limits = new ClientLimits({
    windowOf: objectsOf<RateWindowRpc>(env.RATE_WINDOW),
    guard: makeGuard("rate-window", {
      timeoutMs: CALL_TIMEOUT_MS.rpc,
      maxConcurrent: 512,
      failsApart: true,
    }),
    scale: config.RATE_LIMIT_SCALE,
    now,
    random: Math.random,
    background: waitUntil,
    logger,
  });
  const limiters = upstreamLimiters(config.OVERLOAD_LIMITER);
  return createGateway({
    routes: ROUTES,
    upstreams: { account: env.ACCOUNT_BFF, app: env.APP_BFF, ops: env.OPS_BFF, realtime: env.REALTIME },
    guards: upstreamGuards(makeGuard, limiters),
    readyGuards: readyGuards(makeGuard, limiters),
    sleep,
    authenticate: accessTokenAuthenticator({ trust, now, background: waitUntil }),
    tickets: socketTickets(config.GATEWAY_SIGNING_KEY, { trust, now, background: waitUntil }),
    trust,
    limits,
    policies: limitPolicies(config.LIMIT_MODES),
    mintInternalToken: internalTokenMinter(config.GATEWAY_SIGNING_KEY, now),
    takesContinent: config.TEST_CONTINENT === "on",
    corsOrigins: config.CORS_ORIGINS,
    logger,
    logSample: config.LOG_SAMPLE,
    now,
  });
}
