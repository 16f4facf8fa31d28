import type { HistoryReader, HistoryWriter, ShardLog, ShardPort } from "../../src/history/biz/ports.ts";
import type { Kernel } from "./kernel.ts";

/** One guard of the history, broken on purpose. Everything absent is as it should be. */
export interface Mutation {
  readonly name: string;
  /** Rewrites the SQL of the databases. */
  readonly d1?: (query: string) => string;
  /** Rewrites the SQL of the shards. */
  readonly shardSql?: (query: string) => string;
  readonly log?: (log: ShardLog, kernel: Kernel) => ShardLog;
  /** The shards as the job calls them. */
  readonly shards?: (shards: ShardPort) => ShardPort;
  readonly writer?: (writer: HistoryWriter) => HistoryWriter;
  readonly reader?: (reader: HistoryReader) => HistoryReader;
  readonly hasSweep?: boolean;
  /** Whether what leaves an object waits for what was written before it: the platform's promise. */
  readonly hasOutputGate?: boolean;
  /** Changes classes for the time of one run; the answer puts them back. */
  readonly patch?: () => () => void;
}

export const HEALTHY: Mutation = { name: "nothing" };
