import type { IdentityTrust } from "../contracts/identity.ts";
import { describeCauses } from "../contracts/errors.ts";
import { backgroundContext } from "../platform/call-context.ts";
import { internalTokenMinter } from "../platform/internal-token.ts";
import { createLogger } from "../platform/logger.ts";
import { randomHex } from "../platform/random-hex.ts";
import { bindRpc, rpc } from "../platform/rpc.ts";
import { continueTrace, formatTraceparent } from "../platform/trace.ts";
import { createGateway } from "./app.ts";
import { accessTokenAuthenticator } from "./authenticate.ts";
import { readGatewayConfig } from "./config.ts";
import { ROUTES } from "./routes.ts";
import { TrustStore } from "./trust-store.ts";

/** Everything an isolate of the gateway runs on. */
export function wire(env: GatewayEnv) {
  const config = readGatewayConfig(env);
  const now = Date.now;
  const logger = createLogger({ worker: "playhead-gateway", level: config.LOG_LEVEL });
  const identity = bindRpc<IdentityTrust>(env.IDENTITY);
  const trust = new TrustStore({
    pull: (sinceMs) => {
      const ctx = backgroundContext(`trust-${randomHex(8)}`, formatTraceparent(continueTrace(null, randomHex)));
      return rpc("pull keys and revocations", identity.snapshot(ctx, sinceMs));
    },
    now,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    onFailure: (error) => logger.error("trust not refreshed", { causes: describeCauses(error) }),
  });
  return createGateway({
    routes: ROUTES,
    upstreams: { account: env.ACCOUNT_BFF, app: env.APP_BFF, ops: env.OPS_BFF },
    authenticate: accessTokenAuthenticator(trust, now),
    trust,
    mintInternalToken: internalTokenMinter(config.GATEWAY_SIGNING_KEY, now),
    corsOrigins: config.CORS_ORIGINS,
    logger,
    now,
  });
}
