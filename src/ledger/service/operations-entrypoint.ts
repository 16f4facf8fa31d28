import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import { auditPageSchema, type AuditView, type AuditPage } from "../../contracts/audit.ts";
import {
  lettersNamedSchema,
  lettersPageSchema,
  parkIdsSchema,
  type AccountState,
  type DeadLetter,
  type MessagesRedriven,
  type PageQuery,
  type RedriveWhich,
} from "../../contracts/ledger-operators.ts";
import {
  accountStateOnlySchema,
  changesPageSchema,
  dryRunSchema,
  idempotencyKeySchema,
  outboxPageSchema,
  ownerSchema,
  redriveWhichSchema,
} from "../../contracts/ledger-arguments.ts";
import {
  accountPartSchema,
  accountsRangeSchema,
  booksSchema,
  comparedIdsSchema,
  comparedRangeSchema,
  explainedSchema,
  passedSchema,
  restartSchema,
  walkedSchema,
  type AccountInPart,
  type AccountPart,
  type AccountsRange,
  type CheckedAccounts,
  type ComparedRange,
  type ComparedRow,
  type LedgerBooks,
  type PassedStep,
  type ReconciliationPlace,
  type Restart,
  type WalkedStep,
} from "../../contracts/ledger-reconciliation.ts";
import {
  transferIdSchema,
  type DepositReceipt,
  type ChangeSinkName,
  type ChangesPage,
  type LedgerChange,
  type LedgerOverview,
  type OutboxMessage,
  type OutboxState,
  type TransferReceipt,
} from "../../contracts/ledger.ts";
import type { LedgerOperations } from "../../contracts/ledger-entrypoints.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import { amountOf } from "../biz/amount.ts";
import type { Deposits } from "../biz/deposits.ts";
import type { Operators } from "../biz/operators.ts";
import type { AuditTrail, ChangeStore, DeadLetterStore, OperatorStore } from "../biz/ports.ts";
import type { Reconciliation } from "../biz/reconciliation.ts";

export interface OperationsDeps extends RpcDeps {
  readonly deposits: Pick<Deposits, "deposit" | "find" | "reverse">;
  readonly operators: Operators;
  readonly operatorStore: Pick<OperatorStore, "outbox">;
  readonly deadLetters: Pick<DeadLetterStore, "list" | "named">;
  readonly auditTrail: AuditTrail;
  readonly reconciliation: Reconciliation;
  readonly changes: Pick<ChangeStore, "after">;
  readonly changeSink: ChangeSinkName;
}

/**
 * What the ops BFF reaches, which has checked the permission. Here a change needs a name to be
 * written down under.
 */
export function operationsEntrypoint<E extends object>(wire: (env: E) => OperationsDeps) {
  const run = rpcMethods(wire);
  return class Operations extends WorkerEntrypoint<E> implements LedgerOperations {
    deposit(ctx: CallContext, userId: string, amount: number, key: string): Promise<DepositReceipt> {
      return run(this.env, ctx, ({ deposits }) => {
        const owner = validate(ownerSchema, userId, "userId");
        return deposits.deposit(
          requirePrincipal(ctx).userId,
          owner,
          amountOf(amount),
          validate(idempotencyKeySchema, key, "key"),
        );
      });
    }

    findDeposit(
      ctx: CallContext,
      userId: string,
      amount: number,
      key: string,
    ): Promise<DepositReceipt | null> {
      return run(this.env, ctx, ({ deposits }) => {
        const owner = validate(ownerSchema, userId, "userId");
        return deposits.find(
          requirePrincipal(ctx).userId,
          owner,
          amountOf(amount),
          validate(idempotencyKeySchema, key, "key"),
        );
      });
    }

    reverseDeposit(ctx: CallContext, depositId: string): Promise<DepositReceipt> {
      return run(this.env, ctx, ({ deposits }) =>
        deposits.reverse(requirePrincipal(ctx).userId, validate(transferIdSchema, depositId, "depositId")),
      );
    }

    outbox(
      ctx: CallContext,
      query: {
        readonly status?: OutboxState | undefined;
        readonly limit: number;
        readonly cursor?: string | undefined;
      },
    ): Promise<readonly OutboxMessage[]> {
      return run(this.env, ctx, ({ operatorStore }) => {
        const { status, limit, cursor } = validate(outboxPageSchema, query, "query");
        return operatorStore.outbox(status ?? null, limit, cursor ?? null);
      });
    }

    redrive(ctx: CallContext, which: RedriveWhich, dryRun: boolean): Promise<MessagesRedriven> {
      return run(this.env, ctx, ({ operators }) => {
        const messages = validate(redriveWhichSchema, which, "which");
        return operators.redrive(
          requirePrincipal(ctx).userId,
          messages,
          validate(dryRunSchema, dryRun, "dryRun"),
        );
      });
    }

    park(ctx: CallContext, ids: readonly string[]): Promise<readonly string[]> {
      return run(this.env, ctx, ({ operators }) =>
        operators.park(requirePrincipal(ctx).userId, validate(parkIdsSchema, ids, "ids")),
      );
    }

    deadLetters(ctx: CallContext, page: PageQuery): Promise<readonly DeadLetter[]> {
      return run(this.env, ctx, ({ deadLetters }) => {
        const { limit, cursor } = validate(lettersPageSchema, page, "page");
        return deadLetters.list(limit, cursor === undefined ? null : letterIn(cursor));
      });
    }

    deadLettersNamed(ctx: CallContext, ids: readonly string[]): Promise<readonly DeadLetter[]> {
      return run(this.env, ctx, ({ deadLetters }) =>
        deadLetters.named(validate(lettersNamedSchema, ids, "ids")),
      );
    }

    forgetDeadLetters(ctx: CallContext, ids: readonly string[]): Promise<readonly string[]> {
      return run(this.env, ctx, ({ operators }) =>
        operators.forgetDeadLetters(requirePrincipal(ctx).userId, validate(lettersNamedSchema, ids, "ids")),
      );
    }

    audit(ctx: CallContext, page: AuditPage): Promise<readonly AuditView[]> {
      return run(this.env, ctx, ({ auditTrail }) => {
        const { limit, cursor } = validate(auditPageSchema, page, "page");
        return auditTrail.list(limit, cursor?.toLowerCase() ?? null);
      });
    }

    refund(ctx: CallContext, transferId: string): Promise<TransferReceipt | null> {
      return run(this.env, ctx, ({ operators }) =>
        operators.refund(requirePrincipal(ctx).userId, validate(transferIdSchema, transferId, "transferId")),
      );
    }

    setAccountState(ctx: CallContext, userId: string, state: AccountState): Promise<void> {
      return run(this.env, ctx, ({ operators }) => {
        const owner = validate(ownerSchema, userId, "userId");
        return operators.setAccountState(
          requirePrincipal(ctx).userId,
          owner,
          validate(accountStateOnlySchema, state, "state"),
        );
      });
    }

    progress(ctx: CallContext): Promise<ReconciliationPlace> {
      return run(this.env, ctx, ({ reconciliation }) => reconciliation.progress());
    }

    compared(ctx: CallContext, range: ComparedRange): Promise<readonly ComparedRow[]> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.compared(validate(comparedRangeSchema, range, "range")),
      );
    }

    comparedOf(ctx: CallContext, ids: readonly string[]): Promise<readonly ComparedRow[]> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.comparedOf(validate(comparedIdsSchema, ids, "ids")),
      );
    }

    checkAccounts(ctx: CallContext, range: AccountsRange): Promise<CheckedAccounts> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.checkAccounts(validate(accountsRangeSchema, range, "range")),
      );
    }

    accountPart(ctx: CallContext, part: AccountPart): Promise<AccountInPart | null> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.accountPart(validate(accountPartSchema, part, "part")),
      );
    }

    books(ctx: CallContext, which: { readonly withSums: boolean }): Promise<LedgerBooks> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.books(validate(booksSchema, which, "which").withSums),
      );
    }

    passed(ctx: CallContext, step: PassedStep): Promise<void> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.passed(validate(passedSchema, step, "step")),
      );
    }

    rested(ctx: CallContext, ids: readonly string[]): Promise<void> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.rested(validate(comparedIdsSchema, ids, "ids")),
      );
    }

    passedAccounts(ctx: CallContext, step: WalkedStep): Promise<void> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.passedAccounts(validate(walkedSchema, step, "step")),
      );
    }

    restart(ctx: CallContext, restart: Restart): Promise<void> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.restart(validate(restartSchema, restart, "restart")),
      );
    }

    explained(ctx: CallContext, through: string): Promise<void> {
      return run(this.env, ctx, ({ reconciliation }) =>
        reconciliation.explained(validate(explainedSchema, through, "through")),
      );
    }

    changes(
      ctx: CallContext,
      after: number,
      limit: number,
      asPage?: boolean,
    ): Promise<readonly LedgerChange[] | ChangesPage> {
      return run(this.env, ctx, async ({ changes, changeSink }) => {
        const page = validate(changesPageSchema, { after, limit, asPage });
        const items = await changes.after(page.after, page.limit);
        return page.asPage ? { items, sink: changeSink } : items;
      });
    }

    overview(ctx: CallContext): Promise<LedgerOverview> {
      return run(this.env, ctx, ({ operators }) => operators.overview());
    }
  };
}

/** The letter that a cursor names, which its schema has let through: an id may hold any dots. */
function letterIn(cursor: string): { readonly atMs: number; readonly id: string } {
  const end = cursor.indexOf(".");
  return { atMs: Number(cursor.slice(0, end)), id: cursor.slice(end + 1) };
}
