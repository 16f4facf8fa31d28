import type { HistoryOverview, ShardStatus } from "../../contracts/history.ts";
import type {
  RedriveReceipt,
  RedriveRejected,
  RejectedPage,
  RejectedQuery,
} from "../../contracts/rejected.ts";
import { everyShard } from "./every-shard.ts";
import { forgetViews } from "./forget-views.ts";
import type { FailureReader, FailureSummary, RejectedStore, ShardCall } from "./ports.ts";
import { redriveRejected } from "./redrive.ts";
import { listRejected } from "./rejected.ts";
import type { ShardDirectory } from "./shard-directory.ts";

interface OperatorsDeps {
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
  readonly flushWindowMs: number;
  readonly readFailures: FailureReader;
  /** One for each database, in their order. */
  readonly rejected: readonly RejectedStore[];
}

/** Hears of what fails beside an answer, which is given all the same. */
type OnFailure = (what: string, error: unknown) => void;

const UNKNOWN = { deadLetters: null, rejected: null, failures: null } as const;

/** What operators see of the history and do to it. */
export class Operators {
  readonly #deps: OperatorsDeps;

  constructor(deps: OperatorsDeps) {
    this.#deps = deps;
  }

  /** Has every shard send what is pending. What has been sent is leased: a shard sends it once. */
  async flush(): Promise<{ readonly shards: number }> {
    const { directory, callShard } = this.#deps;
    const { shards } = await directory.mapping();
    await everyShard(shards, (shard) =>
      callShard(shard, "flush a shard", { kind: "write", idempotent: true }, (stub) => stub.flush()),
    );
    return { shards };
  }

  async overview(onFailure: OnFailure): Promise<HistoryOverview> {
    const { directory, callShard, flushWindowMs } = this.#deps;
    const failures = this.#failures(onFailure);
    const { version, shards } = await directory.mapping();
    const statuses: ShardStatus[] = [];
    await everyShard(shards, async (shard) => {
      statuses.push(
        await callShard(shard, "read a shard's status", { kind: "read" }, (stub) => stub.status()),
      );
    });
    statuses.sort((a, b) => a.shard - b.shard);
    return { flushWindowMs, mappingVersion: version, shards: statuses, ...(await failures) };
  }

  rejected(query: RejectedQuery): Promise<RejectedPage> {
    return listRejected(this.#deps.rejected, query);
  }

  async redriveRejected(order: RedriveRejected, onFailure: OnFailure): Promise<RedriveReceipt> {
    const receipt = await redriveRejected(this.#deps.rejected, order);
    if (order.dryRun !== true)
      await this.#forgetViews(new Set(receipt.redriven.map(({ userId }) => userId)), onFailure);
    return receipt;
  }

  /** Never throws: while a database is away operators need the rest all the more. */
  async #failures(onFailure: OnFailure): Promise<FailureSummary | typeof UNKNOWN> {
    try {
      return await this.#deps.readFailures();
    } catch (error) {
      onFailure("failures not read", error);
      return UNKNOWN;
    }
  }

  #forgetViews(userIds: ReadonlySet<string>, onFailure: OnFailure): Promise<void> {
    const { directory, callShard } = this.#deps;
    const forget = async (userId: string): Promise<void> => {
      await directory.ofUser(userId, (shard, mapping) =>
        callShard(shard, "forget a view", { kind: "write", idempotent: true }, (stub) =>
          stub.forgetView(userId, mapping),
        ),
      );
    };
    return forgetViews({ forget, onFailure: (error) => onFailure("view not forgotten", error) }, userIds);
  }
}
