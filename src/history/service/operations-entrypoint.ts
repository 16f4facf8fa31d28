import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { HistoryOperations, HistoryOverview, ShardStatus } from "../../contracts/history.ts";
import {
  redriveRejectedSchema,
  rejectedCallSchema,
  type RedriveReceipt,
  type RedriveRejected,
  type RejectedPage,
  type RejectedQuery,
} from "../../contracts/rejected.ts";
import { describeCauses } from "../../contracts/errors.ts";
import { requirePrincipal } from "../../platform/call-context.ts";
import { CALL_QUOTA_MS } from "../../platform/call-quotas.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Patience } from "../../platform/patience.ts";
import { patienceOf, withinTimeOf } from "../../platform/request-scope.ts";
import { validate } from "../../platform/validate.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import { everyShard } from "../biz/every-shard.ts";
import { forgetViews } from "../biz/forget-views.ts";
import { redriveRejected } from "../biz/redrive.ts";
import { listRejected, type RejectedStore } from "../biz/rejected.ts";
import type { ShardCall } from "../biz/shard-rpc.ts";

type Failures = Pick<HistoryOverview, "deadLetters" | "rejected" | "failures">;

export interface OperationsDeps {
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
  readonly flushWindowMs: number;
  readonly readFailures: () => Promise<Failures>;
  /** One for each database, in their order. */
  readonly rejected: readonly RejectedStore[];
  readonly logger: Logger;
}

/**
 * What the ops BFF reaches, which has checked the permission. Here a change needs a name to be
 * logged under.
 */
export function operationsEntrypoint<E extends object>(wire: (env: E) => OperationsDeps) {
  return class Operations extends WorkerEntrypoint<E> implements HistoryOperations {
    async flush(ctx: CallContext): Promise<{ readonly shards: number }> {
      const { directory, callShard } = wire(this.env);
      // What has been sent is leased: asked twice, a shard sends it once.
      const options = { kind: "write", idempotent: true, ...timeOf(ctx) } as const;
      const { shards } = await directory.mapping();
      await everyShard(shards, (shard) => callShard(shard, "flush a shard", options, (stub) => stub.flush()));
      return { shards };
    }

    async overview(ctx: CallContext): Promise<HistoryOverview> {
      const { directory, callShard, flushWindowMs } = wire(this.env);
      const options = { kind: "read", ...timeOf(ctx) } as const;
      const failures = this.#failures(ctx);
      const { version, shards } = await directory.mapping();
      const statuses: ShardStatus[] = [];
      await everyShard(shards, async (shard) => {
        statuses.push(await callShard(shard, "read a shard's status", options, (stub) => stub.status()));
      });
      statuses.sort((a, b) => a.shard - b.shard);
      return { flushWindowMs, mappingVersion: version, shards: statuses, ...(await failures) };
    }

    async rejected(ctx: CallContext, query: RejectedQuery): Promise<RejectedPage> {
      const valid = validate(rejectedCallSchema, query, "query");
      return withinTimeOf(ctx, Date.now, () => listRejected(wire(this.env).rejected, valid));
    }

    async redriveRejected(ctx: CallContext, given: RedriveRejected): Promise<RedriveReceipt> {
      return withinTimeOf(ctx, Date.now, () =>
        this.#redrive(ctx, validate(redriveRejectedSchema, given, "order")),
      );
    }

    /** Never throws: while a database is away operators need the rest all the more. */
    async #failures(ctx: CallContext): Promise<Failures> {
      const { readFailures, logger } = wire(this.env);
      try {
        return await withinTimeOf(ctx, Date.now, readFailures);
      } catch (error) {
        logger.warn("failures not read", { requestId: ctx.requestId, causes: describeCauses(error) });
        return { deadLetters: null, rejected: null, failures: null };
      }
    }

    #forgetViews(ctx: CallContext, userIds: ReadonlySet<string>): Promise<void> {
      const { directory, callShard, logger } = wire(this.env);
      const forget = async (userId: string): Promise<void> => {
        await directory.ofUser(userId, (shard, mapping) =>
          callShard(shard, "forget a view", { kind: "write", idempotent: true, ...timeOf(ctx) }, (stub) =>
            stub.forgetView(userId, mapping),
          ),
        );
      };
      const onFailure = (error: unknown): void =>
        logger.warn("view not forgotten", { requestId: ctx.requestId, causes: describeCauses(error) });
      return forgetViews({ forget, onFailure }, userIds);
    }

    async #redrive(ctx: CallContext, order: RedriveRejected): Promise<RedriveReceipt> {
      const { userId: actor } = requirePrincipal(ctx);
      const { rejected, logger } = wire(this.env);
      const receipt = await redriveRejected(rejected, order);
      if (order.dryRun !== true)
        await this.#forgetViews(ctx, new Set(receipt.redriven.map((record) => record.userId)));
      logger.info("rejected records redriven", {
        requestId: ctx.requestId,
        actor,
        which: order.all === true ? "all" : "items",
        dryRun: order.dryRun === true,
        redriven: receipt.redriven.length,
        refused: receipt.refused.length,
      });
      return receipt;
    }
  };
}

/** Operators wait for all shards: one of them may take nearly as long as the whole. */
function timeOf(ctx: CallContext): Patience & { readonly quotaMs: number } {
  return { ...patienceOf(ctx, Date.now), quotaMs: CALL_QUOTA_MS.operatorShard };
}
