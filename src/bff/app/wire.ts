import { waitUntil } from "cloudflare:workers";
import type { HistoryPlayback } from "../../contracts/history.ts";
import type { LedgerName } from "../../contracts/ledger.ts";
import type { LedgerFunds } from "../../contracts/ledger-entrypoints.ts";
import type { IdentityAccounts } from "../../contracts/identity.ts";
import { audienceOf } from "../../contracts/internal-request.ts";
import { createBff } from "../../platform/bff-app.ts";
import { readBffConfig } from "../../platform/bff-config.ts";
import { CALL_QUOTA_MS } from "../../platform/call-quotas.ts";
import { requestTimer } from "../../platform/call-timer.ts";
import { guardedRpc } from "../../platform/guarded-rpc.ts";
import { internalTokenVerifier } from "../../platform/internal-token.ts";
import { createLogger } from "../../platform/logger.ts";
import { bindRpc } from "../../platform/rpc.ts";
import { wireGuards } from "../../platform/wire-guards.ts";
import { addHistoryRoutes } from "./history-routes.ts";
import { addHomeRoute } from "./home-route.ts";
import { addMoneyRoutes } from "./money-routes.ts";

const HISTORY_PLACES = 512;
const IDENTITY_PLACES = 256;
const LEDGER_PLACES = 256;

/** Everything an isolate of the app BFF runs on. */
export function wire(env: AppBffEnv) {
  const config = readBffConfig(env);
  const now = Date.now;
  const audience = audienceOf("app");
  const logger = createLogger({ worker: audience, level: config.LOG_LEVEL });
  const makeGuard = wireGuards({
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: requestTimer,
    background: waitUntil,
    logger,
  });
  const quotaMs = CALL_QUOTA_MS.rpc;
  const history = guardedRpc(
    bindRpc<HistoryPlayback>(env.HISTORY),
    makeGuard("history", { quotaMs, readsMax: HISTORY_PLACES, writesMax: HISTORY_PLACES }),
  );
  const identity = guardedRpc(
    bindRpc<IdentityAccounts>(env.IDENTITY),
    makeGuard("identity", { quotaMs, readsMax: IDENTITY_PLACES, writesMax: IDENTITY_PLACES }),
  );
  const ledger = (name: LedgerName, binding: object) => {
    const guard = makeGuard(name, { quotaMs, readsMax: LEDGER_PLACES, writesMax: LEDGER_PLACES });
    const service = bindRpc<LedgerFunds>(binding);
    return {
      reading: guardedRpc(service, guard),
      moving: guardedRpc(service, guard, { quotaMs: CALL_QUOTA_MS.moneyRpc }),
    };
  };
  const wallet = ledger("wallet", env.WALLET);
  const savings = ledger("savings", env.SAVINGS);
  const ledgers = { wallet: wallet.reading, savings: savings.reading };
  const movers = { wallet: wallet.moving, savings: savings.moving };
  return createBff({
    verifyInternalToken: internalTokenVerifier({ jwks: config.INTERNAL_JWKS, audience, now }),
    logger,
    now,
    checkReady: (scope) => history.read(scope, "check history", (service, ctx) => service.ready(ctx)),
    addRoutes(app) {
      addHistoryRoutes(app, { history, now });
      addHomeRoute(app, { history, identity, ledgers, logger });
      addMoneyRoutes(app, { ledgers, movers });
    },
  });
}
