import { waitUntil } from "cloudflare:workers";
import type { RateWindowRpc } from "../contracts/durable.ts";
import { describeCauses } from "../contracts/errors.ts";
import type { IdentityTrust } from "../contracts/identity.ts";
import { backgroundScope } from "../platform/call/request-scope.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import { requestTimer } from "../platform/guard/call-timer.ts";
import type { MakeGuard } from "../platform/guard/guard-kit.ts";
import { guardedRpc } from "../platform/guard/guarded-rpc.ts";
import { internalTokenMinter } from "../platform/bff/internal-token.ts";
import type { PrivateKeyJwk } from "../platform/jwk.ts";
import type { Logger } from "../platform/logger.ts";
import { objectsOf } from "../platform/objects.ts";
import { randomHex } from "../platform/random-hex.ts";
import { bindRpc } from "../platform/call/rpc.ts";
import { continueTrace, formatTraceparent } from "../platform/http/trace.ts";
import { wireWorker } from "../platform/wire-worker.ts";
import { sleep } from "../platform/sleep.ts";
import { createGateway } from "./app.ts";
import { accessTokenAuthenticator } from "./authenticate.ts";
import { bffGuards, bffLimiters, readyGuards } from "./bff-guards.ts";
import { ClientLimits } from "./client-limits.ts";
import { readGatewayConfig } from "./config.ts";
import { limitPolicies } from "./limit-policies.ts";
import { ROUTES } from "./routes.ts";
import { TRUST_CACHE_NAME, TrustCache } from "./trust-cache.ts";
import { trustSeal } from "./trust-seal.ts";
import { TrustStore } from "./trust-store.ts";

const now = Date.now;

/** Whom the gateway believes, as identity says, or what the isolates of this place share of it. */
function wireTrust(
  env: GatewayEnv,
  signingKey: PrivateKeyJwk,
  makeGuard: MakeGuard,
  logger: Logger,
): TrustStore {
  const identity = guardedRpc(
    bindRpc<IdentityTrust>(env.IDENTITY),
    makeGuard("identity", { timeoutMs: CALL_TIMEOUT_MS.rpc, maxConcurrent: { reads: 16, writes: 1 } }),
  );
  return new TrustStore({
    pull: (sinceMs) => {
      const scope = backgroundScope(
        `trust-${randomHex(8)}`,
        formatTraceparent(continueTrace(null, randomHex)),
        now(),
      );
      return identity.read(scope, "pull keys and revocations", (service, ctx) =>
        service.snapshot(ctx, sinceMs),
      );
    },
    shared: {
      cache: new TrustCache({
        open: () => caches.open(TRUST_CACHE_NAME),
        seal: trustSeal(signingKey),
        timer: requestTimer,
        now,
      }),
      background: waitUntil,
      random: Math.random,
    },
    now,
    sleep,
    onFailure: (error) => logger.error("trust not refreshed", { causes: describeCauses(error) }),
  });
}

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
  const trust = wireTrust(env, config.GATEWAY_SIGNING_KEY, makeGuard, logger);
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
  const limiters = bffLimiters(config.OVERLOAD_LIMITER);
  return createGateway({
    routes: ROUTES,
    upstreams: { account: env.ACCOUNT_BFF, app: env.APP_BFF, ops: env.OPS_BFF },
    guards: bffGuards(makeGuard, limiters),
    readyGuards: readyGuards(makeGuard, limiters),
    sleep,
    authenticate: accessTokenAuthenticator({ trust, now, background: waitUntil }),
    trust,
    limits,
    policies: limitPolicies(config.LIMIT_MODES),
    mintInternalToken: internalTokenMinter(config.GATEWAY_SIGNING_KEY, now),
    corsOrigins: config.CORS_ORIGINS,
    logger,
    logSample: config.LOG_SAMPLE,
    now,
  });
}
