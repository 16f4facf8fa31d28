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
  type LedgerChange,
  type LedgerOverview,
  type OutboxMessage,
  type OutboxState,
  type TransferReceipt,
} from "../../contracts/ledger.ts";
import type { LedgerOperations } from "../../contracts/ledger-entrypoints.ts";
import { requirePrincipal } from "../../platform/call-context.ts";
import { withinTimeOf } from "../../platform/request-scope.ts";
import { validate } from "../../platform/validate.ts";
import { amountOf } from "../biz/amount.ts";
import type { Deposits } from "../biz/deposits.ts";
import { DELIVERY_SLA_MS } from "../biz/delivery-schedule.ts";
import type { Operators } from "../biz/operators.ts";
import type {
  AuditTrail,
  ChangeStore,
  DeadLetterStore,
  OperatorStore,
  ReconciliationStore,
} from "../biz/ports.ts";

export interface OperationsDeps {
  readonly deposits: Pick<Deposits, "deposit" | "find" | "reverse">;
  readonly operators: Operators;
  readonly operatorStore: OperatorStore;
  readonly deadLetters: Pick<DeadLetterStore, "list" | "named">;
  readonly auditTrail: AuditTrail;
  readonly reconciliation: ReconciliationStore;
  readonly changes: Pick<ChangeStore, "after">;
}

/**
 * What the ops BFF reaches, which has checked the permission. Here a change needs a name to be
 * written down under.
 */
export function operationsEntrypoint<E extends object>(wire: (env: E) => OperationsDeps) {
  return class Operations extends WorkerEntrypoint<E> implements LedgerOperations {
    deposit(ctx: CallContext, userId: string, amount: number, key: string): Promise<DepositReceipt> {
      return this.#inTime(ctx, ({ deposits }) => {
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
      return this.#inTime(ctx, ({ deposits }) => {
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
      return this.#inTime(ctx, ({ deposits }) =>
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
      return this.#inTime(ctx, ({ operatorStore }) => {
        const { status, limit, cursor } = validate(outboxPageSchema, query, "query");
        return operatorStore.outbox(status ?? null, limit, cursor ?? null);
      });
    }

    redrive(ctx: CallContext, which: RedriveWhich, dryRun: boolean): Promise<MessagesRedriven> {
      return this.#inTime(ctx, ({ operators }) => {
        const messages = validate(redriveWhichSchema, which, "which");
        return operators.redrive(
          requirePrincipal(ctx).userId,
          messages,
          validate(dryRunSchema, dryRun, "dryRun"),
        );
      });
    }

    park(ctx: CallContext, ids: readonly string[]): Promise<readonly string[]> {
      return this.#inTime(ctx, ({ operators }) =>
        operators.park(requirePrincipal(ctx).userId, validate(parkIdsSchema, ids, "ids")),
      );
    }

    deadLetters(ctx: CallContext, page: PageQuery): Promise<readonly DeadLetter[]> {
      return this.#inTime(ctx, ({ deadLetters }) => {
        const { limit, cursor } = validate(lettersPageSchema, page, "page");
        return deadLetters.list(limit, cursor === undefined ? null : letterIn(cursor));
      });
    }

    deadLettersNamed(ctx: CallContext, ids: readonly string[]): Promise<readonly DeadLetter[]> {
      return this.#inTime(ctx, ({ deadLetters }) =>
        deadLetters.named(validate(lettersNamedSchema, ids, "ids")),
      );
    }

    forgetDeadLetters(ctx: CallContext, ids: readonly string[]): Promise<readonly string[]> {
      return this.#inTime(ctx, ({ operators }) =>
        operators.forgetDeadLetters(requirePrincipal(ctx).userId, validate(lettersNamedSchema, ids, "ids")),
      );
    }

    audit(ctx: CallContext, page: AuditPage): Promise<readonly AuditView[]> {
      return this.#inTime(ctx, ({ auditTrail }) => {
        const { limit, cursor } = validate(auditPageSchema, page, "page");
        return auditTrail.list(limit, cursor?.toLowerCase() ?? null);
      });
    }

    refund(ctx: CallContext, transferId: string): Promise<TransferReceipt | null> {
      return this.#inTime(ctx, ({ operators }) =>
        operators.refund(requirePrincipal(ctx).userId, validate(transferIdSchema, transferId, "transferId")),
      );
    }

    setAccountState(ctx: CallContext, userId: string, state: AccountState): Promise<void> {
      return this.#inTime(ctx, ({ operators }) => {
        const owner = validate(ownerSchema, userId, "userId");
        return operators.setAccountState(
          requirePrincipal(ctx).userId,
          owner,
          validate(accountStateOnlySchema, state, "state"),
        );
      });
    }

    progress(ctx: CallContext): Promise<ReconciliationPlace> {
      return this.#inTime(ctx, async ({ reconciliation }) => ({
        ...(await reconciliation.progress()),
        nowMs: Date.now(),
      }));
    }

    compared(ctx: CallContext, range: ComparedRange): Promise<readonly ComparedRow[]> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.compared(validate(comparedRangeSchema, range, "range")),
      );
    }

    comparedOf(ctx: CallContext, ids: readonly string[]): Promise<readonly ComparedRow[]> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.comparedOf(validate(comparedIdsSchema, ids, "ids")),
      );
    }

    checkAccounts(ctx: CallContext, range: AccountsRange): Promise<CheckedAccounts> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.checkAccounts(validate(accountsRangeSchema, range, "range")),
      );
    }

    accountPart(ctx: CallContext, part: AccountPart): Promise<AccountInPart | null> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.accountPart(validate(accountPartSchema, part, "part")),
      );
    }

    books(ctx: CallContext, which: { readonly withSums: boolean }): Promise<LedgerBooks> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.books(Date.now() - DELIVERY_SLA_MS, validate(booksSchema, which, "which").withSums),
      );
    }

    passed(ctx: CallContext, step: PassedStep): Promise<void> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.passed(validate(passedSchema, step, "step")),
      );
    }

    rested(ctx: CallContext, ids: readonly string[]): Promise<void> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.rested(validate(comparedIdsSchema, ids, "ids")),
      );
    }

    passedAccounts(ctx: CallContext, step: WalkedStep): Promise<void> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.passedAccounts(validate(walkedSchema, step, "step"), Date.now()),
      );
    }

    restart(ctx: CallContext, restart: Restart): Promise<void> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.restart(validate(restartSchema, restart, "restart")),
      );
    }

    explained(ctx: CallContext, through: string): Promise<void> {
      return this.#inTime(ctx, ({ reconciliation }) =>
        reconciliation.explained(validate(explainedSchema, through, "through")),
      );
    }

    changes(ctx: CallContext, after: number, limit: number): Promise<readonly LedgerChange[]> {
      return this.#inTime(ctx, ({ changes }) => {
        const page = validate(changesPageSchema, { after, limit });
        return changes.after(page.after, page.limit);
      });
    }

    overview(ctx: CallContext): Promise<LedgerOverview> {
      return this.#inTime(ctx, ({ operatorStore }) => operatorStore.overview(Date.now()));
    }

    async #inTime<T>(ctx: CallContext, work: (deps: OperationsDeps) => Promise<T>): Promise<T> {
      return withinTimeOf(ctx, Date.now, () => work(wire(this.env)));
    }
  };
}

/** The letter that a cursor names, which its schema has let through: an id may hold any dots. */
function letterIn(cursor: string): { readonly atMs: number; readonly id: string } {
  const end = cursor.indexOf(".");
  return { atMs: Number(cursor.slice(0, end)), id: cursor.slice(end + 1) };
}
