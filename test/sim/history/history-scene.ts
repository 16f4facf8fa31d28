import type { LoggedRecord, RemoteValues } from "../../../src/history/biz/ports.ts";
import type { SimStorage } from "../kernel/sim-storage.ts";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import type { StoredMapping } from "../../../src/history/biz/shard-mapping.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "../../../src/history/biz/record.ts";
import type { StateConfirmation, UserState } from "../../../src/history/biz/user-state.ts";
import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import type { Kernel, SimProcess } from "../kernel/kernel.ts";
import type { RemoteCall } from "../kernel/remote-d1.ts";
import type { SimDatabase } from "../kernel/sim-database.ts";
import type { SimCell } from "./history-cells.ts";
import type { Counters } from "./history-counters.ts";
import type { Hardship } from "./history-hardship.ts";
import type { FaultName } from "./history-known-faults.ts";
import type { MapBefore } from "../../../src/history/biz/buckets-of-before.ts";
import type { HistoryModel } from "./history-model.ts";
import type { Mutation } from "./history-mutation.ts";

export interface WorldOptions {
  readonly kernel: Kernel;
  readonly mutation: Mutation;
  readonly limits: ShardLimits;
  readonly faults: ReadonlySet<FaultName>;
  readonly hardship: Hardship;
  /** What carries keys to the job. */
  readonly bus: "queue" | "kafka";
  /** Where the values of reports are kept. */
  readonly hotStore: "shard" | "redis";
  /** How long everything goes wrong, in ms. */
  readonly troubleMs: number;
  /** The release before has left its mapping in D1, and its shards. */
  readonly isOld: boolean;
  readonly seedShards: number;
  /** What the map of buckets was by a var that is still set; null where it isn't. */
  readonly before: MapBefore | null;
}

/** A shard as the job and the mapping call it. */
interface CalledShard {
  collect(keys: readonly RecordKey[], format?: number): Promise<readonly HistoryRecord[]>;
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  collectStates(userIds: readonly string[]): Promise<readonly UserState[]>;
  confirmStates(confirmed: readonly StateConfirmation[]): Promise<void>;
  settle(userId: string): Promise<void>;
  refill(userId: string): Promise<void>;
  isFromBefore(): Promise<boolean>;
  mapping(): Promise<StoredMapping>;
}

/** A shard as Redis sees it. */
export interface AskingShard {
  readonly storage: SimStorage;
  leave<T>(what: string, patienceMs: number, effect: () => T): Promise<T>;
}

/** The Redis of a world, as shards and those who watch them see it. */
interface SceneRedis {
  /** What one instance of a shard reaches. */
  valuesFor(shard: AskingShard): RemoteValues;
  /** An instance of a shard is gone, with its memory. */
  died(shard: number, storage: SimStorage): void;
  /** Whether no log has ever had so much as the key of a state. */
  isNew(record: HistoryRecord): boolean;
  written(record: LoggedRecord): void;
  /** Of the records of a row those that are durable by it, and were not before. */
  nowInLog(records: readonly LoggedRecord[]): readonly LoggedRecord[];
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
  /** Null where shards keep values themselves, as they do by default. */
  readonly redis: SceneRedis | null;
  /** Whether a user's shard lives and has read back what it keeps elsewhere. */
  hasRead(userId: string): boolean;
  /** Operators deploy other settings: all shards begin anew. */
  redeploy(): void;
  readonly queue: { send(bodies: readonly object[]): void };
  /** What a comet does with what a shard tells it; answers who is gone. */
  onNews(comet: string, news: readonly UserNews[]): readonly string[];
  /** A shard has sent keys, and is about to set its next alarm. */
  sent(): void;
  mappingOf(cell: SimCell): { current(): Promise<StoredMapping> };
  readonly hold: (holds: boolean, what: string) => void;
  /** All that have ever been used. */
  readonly shards: readonly CalledShard[];
  shard(number: number): CalledShard;
  /** Where a user belongs. */
  shardOf(userId: string): CalledShard;
  /** Whether a shard runs the code of the release before, still or again. */
  isOldCode(shard: number): boolean;
  databaseOf(userId: string): number;
  database(number: number): SimDatabase;
  databasesFor(call: RemoteCall, cell: SimCell): readonly D1Database[];
  reached(database: SimDatabase, call: RemoteCall): D1Database;
  callOf(process: SimProcess, patienceMs: number): RemoteCall;
  rewritten(rewrite: ((query: string) => string) | undefined, query: string): string;
}
