import { waitUntil } from "cloudflare:workers";
import type { HistoryPlayback } from "../../contracts/history.ts";
import type { LedgerName } from "../../contracts/ledger.ts";
import type { LedgerFunds } from "../../contracts/ledger-entrypoints.ts";
import type { IdentityAccounts } from "../../contracts/identity.ts";
import { createBff } from "../../platform/bff/bff-app.ts";
import { CALL_TIMEOUT_MS } from "../../platform/guard/call-timeouts.ts";
import { guardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { bindRpc } from "../../platform/call/rpc.ts";
import { wireBff } from "../../platform/bff/wire-bff.ts";
import { addHistoryRoutes } from "./history-routes.ts";
import { addHomeRoute } from "./home-route.ts";
import { addMoneyRoutes } from "./money-routes.ts";

const MAX_CONCURRENT_HISTORY = 512;
const MAX_CONCURRENT_IDENTITY = 256;
const MAX_CONCURRENT_LEDGER = 256;

/** Everything an isolate of the app BFF runs on. */
export function wire(env: AppBffEnv) {
  const { shared, makeGuard } = wireBff({
    name: "app",
    vars: env,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    background: waitUntil,
  });
  const { logger, now } = shared;
  const timeoutMs = CALL_TIMEOUT_MS.rpc;
  const playback = bindRpc<HistoryPlayback>(env.HISTORY);
  const historyGuard = makeGuard("history", { timeoutMs, maxConcurrent: MAX_CONCURRENT_HISTORY });
  const history = guardedRpc(playback, historyGuard);
  const reports = guardedRpc(playback, historyGuard, { timeoutMs: CALL_TIMEOUT_MS.reportRpc });
  const identity = guardedRpc(
    bindRpc<IdentityAccounts>(env.IDENTITY),
    makeGuard("identity", { timeoutMs, maxConcurrent: MAX_CONCURRENT_IDENTITY }),
  );
  const ledger = (name: LedgerName, binding: object) => {
    const guard = makeGuard(name, { timeoutMs, maxConcurrent: MAX_CONCURRENT_LEDGER });
    const service = bindRpc<LedgerFunds>(binding);
    return {
      reading: guardedRpc(service, guard),
      moving: guardedRpc(service, guard, { timeoutMs: CALL_TIMEOUT_MS.moneyRpc }),
    };
  };
  const wallet = ledger("wallet", env.WALLET);
  const savings = ledger("savings", env.SAVINGS);
  const ledgers = { wallet: wallet.reading, savings: savings.reading };
  const movers = { wallet: wallet.moving, savings: savings.moving };
  return createBff({
    ...shared,
    checkReady: (scope) => history.read(scope, "check history", (service, ctx) => service.ready(ctx)),
    addRoutes(app) {
      addHistoryRoutes(app, { history, reports, now });
      addHomeRoute(app, { history, identity, ledgers, logger });
      addMoneyRoutes(app, { ledgers, movers });
    },
  });
}
