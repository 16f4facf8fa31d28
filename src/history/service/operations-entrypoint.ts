import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { HistoryOperations, HistoryOverview } from "../../contracts/history.ts";
import {
  redriveRejectedSchema,
  rejectedCallSchema,
  type RedriveReceipt,
  type RedriveRejected,
  type RejectedPage,
  type RejectedQuery,
} from "../../contracts/rejected.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { Operators } from "../biz/operators.ts";

export interface OperationsDeps extends RpcDeps {
  readonly operators: Operators;
  /** What it calls whose breakers isolates share, by their names. */
  readonly upstreams: readonly string[];
}

/**
 * What the ops BFF reaches, which has checked the permission. Here a change needs a name to be
 * logged under.
 */
export function operationsEntrypoint<E extends object>(wire: (env: E) => OperationsDeps) {
  const run = rpcMethods(wire);
  return class Operations extends WorkerEntrypoint<E> implements HistoryOperations {
    flush(ctx: CallContext): Promise<{ readonly shards: number }> {
      return run(this.env, ctx, ({ operators }) => operators.flush());
    }

    overview(ctx: CallContext): Promise<HistoryOverview> {
      return run(this.env, ctx, ({ operators, logger }) => operators.overview(warnOf(ctx, logger)));
    }

    upstreams(ctx: CallContext): Promise<readonly string[]> {
      return run(this.env, ctx, async ({ upstreams }) => upstreams);
    }

    rejected(ctx: CallContext, query: RejectedQuery): Promise<RejectedPage> {
      return run(this.env, ctx, ({ operators }) =>
        operators.rejected(validate(rejectedCallSchema, query, "query")),
      );
    }

    redriveRejected(ctx: CallContext, given: RedriveRejected): Promise<RedriveReceipt> {
      return run(this.env, ctx, async ({ operators, logger }) => {
        const order = validate(redriveRejectedSchema, given, "order");
        const { userId: actor } = requirePrincipal(ctx);
        const receipt = await operators.redriveRejected(order, warnOf(ctx, logger));
        logger.info("rejected records redriven", {
          requestId: ctx.requestId,
          actor,
          which: order.all === true ? "all" : "items",
          dryRun: order.dryRun === true,
          redriven: receipt.redriven.length,
          refused: receipt.refused.length,
        });
        return receipt;
      });
    }
  };
}

/** Tells the log what failed beside the answer of a call. */
function warnOf({ requestId }: CallContext, logger: Logger): (what: string, error: unknown) => void {
  return (what, error) => logger.warn(what, { requestId, ...failureFields(error) });
}
