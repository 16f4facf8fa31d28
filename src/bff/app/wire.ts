import type { HistoryPlayback } from "../../contracts/history.ts";
import type { IdentityAccounts } from "../../contracts/identity.ts";
import { audienceOf } from "../../contracts/internal-request.ts";
import { createBff } from "../../platform/bff-app.ts";
import { readBffConfig } from "../../platform/bff-config.ts";
import { internalTokenVerifier } from "../../platform/internal-token.ts";
import { createLogger } from "../../platform/logger.ts";
import { bindRpc, rpc } from "../../platform/rpc.ts";
import { addHistoryRoutes } from "./history-routes.ts";
import { addHomeRoute } from "./home-route.ts";

/** Everything an isolate of the app BFF runs on. */
export function wire(env: AppBffEnv) {
  const config = readBffConfig(env);
  const now = Date.now;
  const audience = audienceOf("app");
  const logger = createLogger({ worker: audience, level: config.LOG_LEVEL });
  const history = bindRpc<HistoryPlayback>(env.HISTORY);
  const identity = bindRpc<IdentityAccounts>(env.IDENTITY);
  return createBff({
    verifyInternalToken: internalTokenVerifier({ jwks: config.INTERNAL_JWKS, audience, now }),
    logger,
    now,
    checkReady: (ctx) => rpc("check history", history.ready(ctx)),
    addRoutes(app) {
      addHistoryRoutes(app, { history, now });
      addHomeRoute(app, { history, identity, logger, now });
    },
  });
}
