import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import { idempotencyKeySchema, transfersPageSchema } from "../../contracts/ledger-arguments.ts";
import {
  cutMovementsSchema,
  statementPageSchema,
  type FundsCut,
  type StatementPage,
} from "../../contracts/ledger-statement.ts";
import {
  transferIdSchema,
  type Funds as FundsHeld,
  type TransferReceipt,
  type TransferView,
} from "../../contracts/ledger.ts";
import type { LedgerFunds } from "../../contracts/ledger-entrypoints.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import { amountOf } from "../biz/amount.ts";
import type { StatementStore, TransferStore } from "../biz/ports.ts";
import { placeOf, statementPage } from "../biz/statement.ts";
import type { Transfers } from "../biz/transfers.ts";

export interface FundsDeps extends RpcDeps {
  readonly transfers: Pick<Transfers, "transfer">;
  readonly store: Pick<TransferStore, "funds" | "read" | "list">;
  readonly statement: StatementStore;
}

/**
 * What the app BFF reaches. The owner is always the caller's principal, and no step starts after
 * the caller's time.
 */
export function fundsEntrypoint<E extends object>(wire: (env: E) => FundsDeps) {
  const run = rpcMethods(wire);
  return class Funds extends WorkerEntrypoint<E> implements LedgerFunds {
    funds(ctx: CallContext): Promise<FundsHeld> {
      return run(this.env, ctx, ({ store }) => store.funds(requirePrincipal(ctx).userId));
    }

    cut(ctx: CallContext, movementsMax: number): Promise<FundsCut> {
      return run(this.env, ctx, ({ statement }) =>
        statement.cut(
          requirePrincipal(ctx).userId,
          validate(cutMovementsSchema, movementsMax, "movementsMax"),
        ),
      );
    }

    statement(ctx: CallContext, limit: number, cursor: string | null): Promise<StatementPage> {
      return run(this.env, ctx, async ({ statement }) => {
        const page = validate(statementPageSchema, { limit, cursor });
        const place = page.cursor === null ? null : placeOf(page.cursor);
        // One more than the page: it tells whether another follows.
        return statementPage(
          await statement.page(requirePrincipal(ctx).userId, page.limit + 1, place),
          page.limit,
        );
      });
    }

    transfer(ctx: CallContext, amount: number, key: string): Promise<TransferReceipt> {
      return run(this.env, ctx, ({ transfers }) =>
        transfers.transfer(
          requirePrincipal(ctx).userId,
          amountOf(amount),
          validate(idempotencyKeySchema, key, "key"),
        ),
      );
    }

    read(ctx: CallContext, transferId: string): Promise<TransferView | null> {
      return run(this.env, ctx, ({ store }) =>
        store.read(requirePrincipal(ctx).userId, validate(transferIdSchema, transferId, "transferId")),
      );
    }

    list(ctx: CallContext, limit: number, cursor: string | null): Promise<readonly TransferView[]> {
      return run(this.env, ctx, ({ store }) => {
        const page = validate(transfersPageSchema, { limit, cursor });
        return store.list(requirePrincipal(ctx).userId, page.limit, page.cursor);
      });
    }
  };
}
