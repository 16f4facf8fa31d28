import type {
  BusPartition,
  BusPlaceStore,
  HandOver,
  HistoryReader,
  HistoryWriter,
  PullerAlarm,
  ShardAlarm,
  ShardLog,
  ShardPort,
  TellComet,
} from "../../../src/history/biz/ports.ts";
import type { RemoteValues } from "../../../src/history/biz/ports.ts";
import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import type { FaultName } from "./history-known-faults.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** What is broken of a bus that is Kafka. Everything absent is as it should be. */
export interface BusMutation {
  readonly handOver?: (handOver: HandOver) => HandOver;
  readonly store?: (store: BusPlaceStore) => BusPlaceStore;
  readonly partition?: (partition: BusPartition) => BusPartition;
  readonly alarm?: (alarm: PullerAlarm) => PullerAlarm;
  /** Whether whoever has sent something wakes who reads it. */
  readonly hasWakes?: boolean;
  /** Whether the sweep does. */
  readonly hasSweep?: boolean;
}

/** One guard of the history, broken on purpose. Everything absent is as it should be. */
export interface Mutation {
  readonly name: string;
  /** The trouble of its own that it needs to show. */
  readonly under?: FaultName;
  /** Rewrites the SQL of the databases. */
  readonly d1?: (query: string) => string;
  /** Rewrites the SQL of the shards. */
  readonly shardSql?: (query: string) => string;
  /** The store that it is a guard of; the shard's own if absent. */
  readonly hotStore?: "redis";
  /** How a shard reaches Redis. */
  readonly values?: (values: RemoteValues) => RemoteValues;
  readonly log?: (log: ShardLog, kernel: Kernel) => ShardLog;
  /** How a shard tells comets. */
  readonly tellComet?: (tell: TellComet, kernel: Kernel) => TellComet;
  readonly alarm?: (alarm: ShardAlarm) => ShardAlarm;
  /** The shards as the job calls them. */
  readonly shards?: (shards: ShardPort) => ShardPort;
  readonly writer?: (writer: HistoryWriter) => HistoryWriter;
  readonly reader?: (reader: HistoryReader) => HistoryReader;
  readonly limits?: Partial<ShardLimits>;
  readonly hasSweep?: boolean;
  /** Only in worlds whose bus is Kafka. */
  readonly bus?: BusMutation;
  /** Whether an object writes what belongs together in a transaction. */
  readonly hasTransactions?: boolean;
  /** Whether what leaves an object waits for what was written before it: the platform's promise. */
  readonly hasOutputGate?: boolean;
  /** Changes classes for the time of one run; the answer puts them back. */
  readonly patch?: () => () => void;
}

export const HEALTHY: Mutation = { name: "nothing" };

/**
 * Replaces one piece of SQL. What is never replaced is counted, and the test fails: a mutation that
 * no longer fits is a mistake of the table.
 */
export function instead(fragment: string, other: string): (query: string) => string {
  return (query) => query.replaceAll(fragment, other);
}

/**
 * Replaces one method of a class for the time of a run; throws where the class no longer has it.
 */
export function method<T extends object, K extends keyof T>(
  type: { readonly prototype: T; readonly name: string },
  name: K,
  make: (original: T[K]) => T[K],
): () => () => void {
  return () => {
    const { prototype } = type;
    const original = prototype[name];
    if (typeof original !== "function")
      throw new TypeError(`${type.name} has no method ${String(name)} any more`);
    prototype[name] = make(original);
    return () => {
      prototype[name] = original;
    };
  };
}

/** A log that differs in some of its methods. */
export function differing(log: ShardLog, methods: Partial<ShardLog>): ShardLog {
  return {
    get unreadRows() {
      return log.unreadRows;
    },
    replay: (take) => log.replay(take),
    append: (rows, lowWater, adopted) => log.append(rows, lowWater, adopted),
    checkWritable: (records) => log.checkWritable(records),
    writeSnapshot: (seq, records) => log.writeSnapshot(seq, records),
    unreadIds: () => log.unreadIds(),
    readUnread: (id) => log.readUnread(id),
    userState: (userId) => log.userState(userId),
    unconfirmedStates: (limit) => log.unconfirmedStates(limit),
    confirmState: (confirmed) => log.confirmState(confirmed),
    isErased: (userId) => log.isErased(userId),
    erase: (userId, atMs, seq, pending) => log.erase(userId, atMs, seq, pending),
    ...methods,
  };
}
