import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import type { StoredMapping } from "../../../src/history/biz/shard-mapping.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "../../../src/history/biz/record.ts";
import type { ShardLimits } from "../../../src/history/biz/shard.ts";
import type { Kernel, SimProcess } from "../kernel/kernel.ts";
import type { RemoteCall } from "../kernel/remote-d1.ts";
import type { SimDatabase } from "../kernel/sim-database.ts";
import type { Counters } from "./history-counters.ts";
import type { Hardship } from "./history-hardship.ts";
import type { FaultName } from "./history-known-faults.ts";
import type { HistoryModel } from "./history-model.ts";
import type { Mutation } from "./history-mutation.ts";

export interface WorldOptions {
  readonly kernel: Kernel;
  readonly mutation: Mutation;
  readonly limits: ShardLimits;
  readonly faults: ReadonlySet<FaultName>;
  readonly hardship: Hardship;
  /** The release before has left its mapping in D1, and its shards. */
  readonly isOld: boolean;
  readonly seedShards: number;
}

/** A shard as the job and the mapping call it. */
interface CalledShard {
  collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]>;
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  refill(userId: string): Promise<void>;
  isFromBefore(): Promise<boolean>;
}

/**
 * The simulated world as its parts see it, and as they are built in it. What it is, `HistoryWorld`,
 * knows them; they know only this.
 */
export interface HistoryScene {
  readonly options: WorldOptions;
  readonly model: HistoryModel;
  readonly counters: Counters;
  readonly databases: readonly SimDatabase[];
  readonly queue: { send(messages: readonly QueueMessage[]): void };
  readonly mapping: { current(): Promise<StoredMapping> };
  readonly hold: (holds: boolean, what: string) => void;
  shard(number: number): CalledShard;
  /** Where a user belongs. */
  shardOf(userId: string): CalledShard;
  databaseOf(userId: string): number;
  database(number: number): SimDatabase;
  databasesFor(call: RemoteCall): readonly D1Database[];
  reached(database: SimDatabase, call: RemoteCall): D1Database;
  callOf(process: SimProcess, patienceMs: number): RemoteCall;
  rewritten(rewrite: ((query: string) => string) | undefined, query: string): string;
}
