import { waitUntil } from "cloudflare:workers";
import type { BreakerStateRpc, RateWindowRpc } from "../../contracts/durable.ts";
import type { HistoryOperations } from "../../contracts/history.ts";
import type { LedgerName } from "../../contracts/ledger.ts";
import type { LedgerOperations } from "../../contracts/ledger-entrypoints.ts";
import type { IdentityOperations } from "../../contracts/identity.ts";
import type { RealtimePushes } from "../../contracts/realtime-rpc.ts";
import { backgroundScope, type RequestScope } from "../../platform/call/request-scope.ts";
import { CALL_TIMEOUT_MS } from "../../platform/guard/call-timeouts.ts";
import { guardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { objectsOf } from "../../platform/objects.ts";
import { oncePerEnv } from "../../platform/once-per-env.ts";
import { randomHex } from "../../platform/random-hex.ts";
import { bindRpc, isUnknownMethod } from "../../platform/call/rpc.ts";
import { sleep } from "../../platform/sleep.ts";
import { newTraceparent } from "../../platform/http/trace.ts";
import { wireBff } from "../../platform/bff/wire-bff.ts";
import { createOpsApp } from "./ops-app.ts";
import { reconcilableLedger } from "./reconcilable-ledger.ts";
import { createReconcileSweep } from "./reconcile-sweep.ts";

/** Operators are few. */
const MAX_CONCURRENT = 32;
/** What the cron's run may take, in ms: it comes again each minute. */
const SWEEP_MS = 58_000;

/** Everything an isolate of the ops BFF runs on. */
export const wire = oncePerEnv((env: OpsBffEnv) => {
  const { shared, makeGuard, faults } = wireBff({
    name: "ops",
    vars: env,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    background: waitUntil,
  });
  const { logger, now } = shared;
  const timeoutMs = CALL_TIMEOUT_MS.operatorRpc;
  const historyGuard = makeGuard("history", { timeoutMs, maxConcurrent: MAX_CONCURRENT });
  const history = guardedRpc(bindRpc<HistoryOperations>(env.HISTORY), historyGuard);
  // Beside an answer that doesn't wait for it for long.
  const historyBeside = guardedRpc(bindRpc<HistoryOperations>(env.HISTORY), historyGuard, {
    timeoutMs: CALL_TIMEOUT_MS.rpc,
  });
  const identity = guardedRpc(
    bindRpc<IdentityOperations>(env.IDENTITY),
    makeGuard("identity", { timeoutMs, maxConcurrent: MAX_CONCURRENT }),
  );
  const realtime = guardedRpc(
    bindRpc<RealtimePushes>(env.REALTIME),
    makeGuard("realtime-pushes", { timeoutMs: CALL_TIMEOUT_MS.push, maxConcurrent: MAX_CONCURRENT }),
  );
  const ledger = (name: LedgerName, binding: object) =>
    guardedRpc(
      bindRpc<LedgerOperations>(binding),
      makeGuard(name, { timeoutMs, maxConcurrent: MAX_CONCURRENT }),
    );
  const ledgers = { wallet: ledger("wallet", env.WALLET), savings: ledger("savings", env.SAVINGS) };
  const bothOf = (scope: RequestScope) => ({
    wallet: reconcilableLedger(ledgers.wallet, scope),
    savings: reconcilableLedger(ledgers.savings, scope),
  });
  const scopeOfRun = (): RequestScope =>
    backgroundScope(`reconcile-${randomHex(8)}`, newTraceparent(randomHex), now(), SWEEP_MS);
  const sweep = createReconcileSweep({ ledgersOfRun: () => bothOf(scopeOfRun()), now, sleep, logger });
  const fetch = createOpsApp({
    ...shared,
    services: { history, identity, ledgers, realtime },
    reconciliation: { ledgersOf: bothOf, sleep },
    availability: {
      guard: makeGuard("durable", {
        timeoutMs: CALL_TIMEOUT_MS.rpc,
        maxConcurrent: MAX_CONCURRENT,
        failsApart: true,
      }),
      breakerOf: objectsOf<BreakerStateRpc>(env.BREAKER_STATE),
      upstreamsOfHistory: (scope) =>
        historyBeside.read(scope, "ask history for its upstreams", async (service, ctx) => {
          try {
            return await service.upstreams(ctx);
          } catch (error) {
            // Taken for a failure it would have all isolates leave history alone.
            if (isUnknownMethod(error)) return [];
            throw error;
          }
        }),
      windowOf: objectsOf<RateWindowRpc>(env.RATE_WINDOW),
      faults,
    },
  });
  return { fetch, sweep };
});
