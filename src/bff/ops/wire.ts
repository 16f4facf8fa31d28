import type { HistoryOperations } from "../../contracts/history.ts";
import type { IdentityAdministration } from "../../contracts/identity.ts";
import { audienceOf } from "../../contracts/internal-request.ts";
import { createBff } from "../../platform/bff-app.ts";
import { readBffConfig } from "../../platform/bff-config.ts";
import { internalTokenVerifier } from "../../platform/internal-token.ts";
import { createLogger } from "../../platform/logger.ts";
import { bindRpc, rpc } from "../../platform/rpc.ts";
import { addOpsRoutes } from "./routes.ts";

/** Everything an isolate of the ops BFF runs on. */
export function wire(env: OpsBffEnv) {
  const config = readBffConfig(env);
  const now = Date.now;
  const audience = audienceOf("ops");
  const logger = createLogger({ worker: audience, level: config.LOG_LEVEL });
  const history = bindRpc<HistoryOperations>(env.HISTORY);
  const identity = bindRpc<IdentityAdministration>(env.IDENTITY);
  return createBff({
    verifyInternalToken: internalTokenVerifier({ jwks: config.INTERNAL_JWKS, audience, now }),
    logger,
    now,
    checkReady: (ctx) => rpc("check identity", identity.ready(ctx)),
    addRoutes: (app) => addOpsRoutes(app, { history, identity, now }),
  });
}
