import type { CallContext } from "../../contracts/call-context.ts";
import type { LedgerOperations } from "../../contracts/ledger-entrypoints.ts";
import type { LedgerReconciliation } from "../../contracts/ledger-reconciliation.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";

/** A ledger as a reconciliation asks it, on whatever way. */
export type ReconcilableLedger = {
  readonly [Method in keyof LedgerReconciliation]: LedgerReconciliation[Method] extends (
    ctx: CallContext,
    ...rest: infer Rest
  ) => infer Answer
    ? (...rest: Rest) => Answer
    : never;
};

/**
 * The ledger's service, asked within one request. Whatever a reconciliation writes is as good twice
 * as once.
 */
export function reconcilableLedger(
  rpc: GuardedRpc<LedgerOperations>,
  scope: RequestScope,
): ReconcilableLedger {
  const read = <R>(
    what: string,
    ask: (service: LedgerOperations, ctx: CallContext) => Promise<R>,
  ): Promise<R> => rpc.read(scope, what, ask);
  const write = (
    what: string,
    ask: (service: LedgerOperations, ctx: CallContext) => Promise<void>,
  ): Promise<void> => rpc.idempotentWrite(scope, what, ask);
  return {
    progress: () => read("read how far it is reconciled", (service, ctx) => service.progress(ctx)),
    compared: (range) => read("read transfers to compare", (service, ctx) => service.compared(ctx, range)),
    comparedOf: (ids) =>
      read("read transfers to compare again", (service, ctx) => service.comparedOf(ctx, ids)),
    checkAccounts: (range) => read("check accounts", (service, ctx) => service.checkAccounts(ctx, range)),
    accountPart: (part) =>
      read("check a part of an account", (service, ctx) => service.accountPart(ctx, part)),
    books: (which) => read("read the books", (service, ctx) => service.books(ctx, which)),
    passed: (step) => write("pass compared transfers", (service, ctx) => service.passed(ctx, step)),
    rested: (ids) => write("close compared transfers", (service, ctx) => service.rested(ctx, ids)),
    passedAccounts: (step) =>
      write("pass checked accounts", (service, ctx) => service.passedAccounts(ctx, step)),
    restart: (restart) => write("reconcile anew", (service, ctx) => service.restart(ctx, restart)),
    explained: (through) => write("forget a difference", (service, ctx) => service.explained(ctx, through)),
  };
}
