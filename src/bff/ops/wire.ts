import { waitUntil } from "cloudflare:workers";
import type { BreakerStateRpc, FaultBoardRpc, RateWindowRpc } from "../../contracts/durable.ts";
import type { HistoryOperations } from "../../contracts/history.ts";
import type { LedgerName } from "../../contracts/ledger.ts";
import type { LedgerOperations } from "../../contracts/ledger-entrypoints.ts";
import type { IdentityAdministration } from "../../contracts/identity.ts";
import { audienceOf } from "../../contracts/internal-request.ts";
import { readBffConfig } from "../../platform/bff-config.ts";
import { backgroundScope, type RequestScope } from "../../platform/call-context.ts";
import { CALL_QUOTA_MS } from "../../platform/call-quotas.ts";
import { requestTimer } from "../../platform/call-timer.ts";
import { guardedRpc } from "../../platform/guarded-rpc.ts";
import { internalTokenVerifier } from "../../platform/internal-token.ts";
import { createLogger } from "../../platform/logger.ts";
import { objectsOf } from "../../platform/objects.ts";
import { oncePerEnv } from "../../platform/once-per-env.ts";
import { randomHex } from "../../platform/random-hex.ts";
import { bindRpc } from "../../platform/rpc.ts";
import { continueTrace, formatTraceparent } from "../../platform/trace.ts";
import { wireGuards } from "../../platform/wire-guards.ts";
import { createOpsApp } from "./ops-app.ts";
import { reconcilableLedger } from "./reconcilable-ledger.ts";
import { createReconcileSweep } from "./reconcile-sweep.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Operators are few. */
const PLACES = 32;
/** What the cron's run may take, in ms: it comes again each minute. */
const SWEEP_MS = 58_000;

/** Everything an isolate of the ops BFF runs on. */
export const wire = oncePerEnv((env: OpsBffEnv) => {
  const config = readBffConfig(env);
  const now = Date.now;
  const audience = audienceOf("ops");
  const logger = createLogger({ worker: audience, level: config.LOG_LEVEL });
  const makeGuard = wireGuards({
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: requestTimer,
    background: waitUntil,
    logger,
  });
  const places = { readsMax: PLACES, writesMax: PLACES };
  const quotaMs = CALL_QUOTA_MS.operatorRpc;
  const history = guardedRpc(
    bindRpc<HistoryOperations>(env.HISTORY),
    makeGuard("history", { quotaMs, ...places }),
  );
  const identity = guardedRpc(
    bindRpc<IdentityAdministration>(env.IDENTITY),
    makeGuard("identity", { quotaMs, ...places }),
  );
  const ledger = (name: LedgerName, binding: object) =>
    guardedRpc(bindRpc<LedgerOperations>(binding), makeGuard(name, { quotaMs, ...places }));
  const ledgers = { wallet: ledger("wallet", env.WALLET), savings: ledger("savings", env.SAVINGS) };
  const bothOf = (scope: RequestScope) => ({
    wallet: reconcilableLedger(ledgers.wallet, scope),
    savings: reconcilableLedger(ledgers.savings, scope),
  });
  const scopeOfRun = (): RequestScope =>
    backgroundScope(
      `reconcile-${randomHex(8)}`,
      formatTraceparent(continueTrace(null, randomHex)),
      now(),
      SWEEP_MS,
    );
  const sweep = createReconcileSweep({ ledgersOfRun: () => bothOf(scopeOfRun()), now, sleep, logger });
  const fetch = createOpsApp({
    verifyInternalToken: internalTokenVerifier({ jwks: config.INTERNAL_JWKS, audience, now }),
    logger,
    now,
    services: { history, identity, ledgers },
    reconciliation: { ledgersOf: bothOf, sleep },
    availability: {
      guard: makeGuard("durable", { quotaMs: CALL_QUOTA_MS.rpc, ...places, failsApart: true }),
      breakerOf: objectsOf<BreakerStateRpc>(env.BREAKER_STATE),
      windowOf: objectsOf<RateWindowRpc>(env.RATE_WINDOW),
      faults:
        config.FAULTS === "on"
          ? { boards: objectsOf<FaultBoardRpc>(env.FAULT_BOARD), bootId: config.BOOT_ID }
          : null,
    },
  });
  return { fetch, sweep };
});
