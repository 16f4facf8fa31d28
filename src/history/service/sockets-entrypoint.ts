import { WorkerEntrypoint } from "cloudflare:workers";
import * as z from "zod";
import { cellNameSchema, type CallContext } from "../../contracts/call-context.ts";
import { CodedError, codeOf, isRefusal } from "../../contracts/errors.ts";
import {
  changesCallSchema,
  ENTRIES_PER_PAGE_MAX,
  pageLimitSchema,
  REPORTS_PER_CALL_MAX,
  type ChangePage,
  type ChangesQuery,
  type DatedReport,
} from "../../contracts/history.ts";
import {
  cometNameSchema,
  type HistorySockets,
  type Listener,
  type SocketReceipt,
  type SocketReports,
} from "../../contracts/realtime-rpc.ts";
import { readDatedBatch, receiptOf, type ReportBatch } from "../../contracts/report-batch.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { failureFields } from "../../platform/logger.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { Cells } from "../biz/cells.ts";
import { failedReceipt, type FailedReceipt } from "../biz/failed-receipt.ts";
import { historyUserIdSchema } from "../biz/record-schema.ts";
import type { Incoming, SocketSource } from "../biz/incoming.ts";
import { NO_TIME_AT_ALL } from "../biz/shard-rpc.ts";
import type { UsersCell } from "./playback-entrypoint.ts";

export interface SocketsDeps extends RpcDeps {
  readonly cells: Cells<UsersCell>;
}

/** Users that one call may say have left. */
const LEAVES_PER_CALL_MAX = 1_000;

const cellSchema = cellNameSchema.optional();
const socketsSchema = z.int().min(0).max(1_000);
const versionSchema = z.int().min(0);
const joinSchema = z.object({
  comet: cometNameSchema,
  sockets: socketsSchema.min(1),
  version: versionSchema,
  since: changesCallSchema.shape.since,
  limit: pageLimitSchema.default(ENTRIES_PER_PAGE_MAX),
});
const leavesSchema = z
  .array(z.object({ userId: historyUserIdSchema, sockets: socketsSchema, version: versionSchema }))
  .max(LEAVES_PER_CALL_MAX);
/** The reports themselves are read one by one, as those of a request are. */
const batchSchema = z
  .array(
    z.object({
      userId: historyUserIdSchema,
      socket: z.string().min(1).max(64),
      reports: z.array(z.unknown()).min(1),
      others: z.boolean(),
      version: versionSchema,
    }),
  )
  .min(1)
  .max(REPORTS_PER_CALL_MAX)
  .refine(
    (batch) => batch.reduce((sum, { reports }) => sum + reports.length, 0) <= REPORTS_PER_CALL_MAX,
    `must have at most ${REPORTS_PER_CALL_MAX} reports`,
  );

/** What one socket has sent, where any of it is good. */
interface Readable extends ReportBatch<DatedReport> {
  readonly userId: string;
  readonly source: SocketSource;
}

/**
 * What the realtime worker reaches. It has authenticated whom it names, and no other service names
 * anybody.
 */
export function socketsEntrypoint<E extends object>(wire: (env: E) => SocketsDeps) {
  const run = rpcMethods(wire);
  return class Sockets extends WorkerEntrypoint<E> implements HistorySockets {
    mapping(ctx: CallContext, cell?: string): ReturnType<HistorySockets["mapping"]> {
      return run(this.env, ctx, ({ cells }) =>
        cells.of(validate(cellSchema, cell, "cell")).directory.mapping(),
      );
    }

    join(
      ctx: CallContext,
      given: Parameters<HistorySockets["join"]>[1],
    ): Promise<{ readonly page: ChangePage | null }> {
      return run(this.env, ctx, ({ cells }) => {
        const { comet, sockets, version, since, limit } = validate(joinSchema, given, "order");
        const { userId, cell } = requirePrincipal(ctx);
        const { directory, callShard } = cells.of(cell);
        const query: ChangesQuery | null = since === undefined ? null : { since, limit };
        // Whoever joins twice has joined.
        const how = { kind: "write", idempotent: true } as const;
        return directory.ofUser(userId, (shard, mapping) =>
          callShard(shard, "join a shard's listeners", how, (stub, remainingMs) =>
            stub.join(comet, { userId, sockets, version }, query, NO_TIME_AT_ALL, mapping, remainingMs),
          ),
        );
      });
    }

    leave(
      ctx: CallContext,
      givenComet: string,
      given: readonly Listener[],
      givenCell?: string,
    ): Promise<void> {
      return run(this.env, ctx, async ({ cells }) => {
        const comet = validate(cometNameSchema, givenComet, "comet");
        const listeners = validate(leavesSchema, given, "listeners");
        const { directory, callShard } = cells.of(validate(cellSchema, givenCell, "cell"));
        const how = { kind: "write", idempotent: true } as const;
        const left = await directory.ofUsers(
          listeners,
          (shard, mapping, own) =>
            callShard(shard, "leave a shard's listeners", how, (stub) =>
              stub.leave(comet, own, mapping),
            ).then((elsewhere) => elsewhere ?? own.map(() => null)),
          (error) => ({ error }),
        );
        for (const one of left) if (one !== null) throw one.error;
      });
    }

    report(
      ctx: CallContext,
      givenComet: string,
      given: readonly SocketReports[],
      givenCell?: string,
    ): Promise<readonly SocketReceipt[]> {
      return run(this.env, ctx, async ({ cells, logger }) => {
        validate(cometNameSchema, givenComet, "comet");
        const batch = validate(batchSchema, given, "batch").map(readable);
        const { directory, reportToShard } = cells.of(validate(cellSchema, givenCell, "cell"));
        const good = batch.flatMap((one) => ("failure" in one ? [] : [one]));
        const receipts = await directory.ofUsers<Readable, SocketReceipt>(
          good,
          (shard, mapping, own) =>
            reportToShard(shard, "report to a shard", howOf(own), (stub, remainingMs) =>
              stub.reportMany(own.map(incoming), NO_TIME_AT_ALL, mapping, remainingMs),
            ).catch((error: unknown) => {
              // Receipts have no room for the reason. Who is refused comes back by the thousand.
              if (!isRefusal(codeOf(error)))
                logger.warn("reports of sockets not taken", { shard, ...failureFields(error) });
              throw error;
            }),
          failedReceipt,
        );
        const byReports = new Map(good.map((one, index) => [one, receipts[index]]));
        return batch.map((one) => ("failure" in one ? one : receiptFor(one, byReports.get(one))));
      });
    }
  };
}

/** Of what one socket has sent, the good reports; it alone is told where there are none. */
function readable({
  userId,
  socket,
  others,
  version,
  reports: given,
}: z.infer<typeof batchSchema>[number]): Readable | FailedReceipt {
  try {
    return { userId, source: { socket, others, version }, ...readDatedBatch(given) };
  } catch (error) {
    return failedReceipt(error);
  }
}

function incoming({ userId, reports, source }: Readable): Incoming {
  return { userId, reports, source };
}

/** Dated, a report twice is as good as once. */
function howOf(own: readonly Readable[]) {
  const areDated = own.every(({ reports }) => reports.every(({ at }) => at !== undefined));
  return { kind: "write", idempotent: areDated } as const;
}

function receiptFor(one: Readable, receipt: SocketReceipt | undefined): SocketReceipt {
  if (receipt === undefined) return failedReceipt(new CodedError("INTERNAL", "a shard answers each socket"));
  return "failure" in receipt ? receipt : { receipt: receiptOf(one, receipt.receipt) };
}
