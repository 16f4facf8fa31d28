import type { HistoryJobDeps } from "../../../src/history/biz/history-job.ts";
import type { HistoryWriter, ShardPort } from "../../../src/history/biz/ports.ts";

/** Shards that have nothing to give and hear everything. */
export const EMPTY_SHARDS: ShardPort = {
  collect: async () => [],
  confirm: async () => undefined,
  refill: async () => undefined,
  collectStates: async () => [],
  confirmStates: async () => undefined,
  settle: async () => undefined,
};

/** A database that takes everything, and of whose users nobody has too much. */
export const DULL_WRITER: HistoryWriter = {
  upsert: async () => undefined,
  reject: async () => undefined,
  writeStates: async () => undefined,
  overfull: async () => [],
};

/** What a job is made of, with the given differences: it looks at no user's excess. */
export function jobParts(more: Partial<HistoryJobDeps> = {}): HistoryJobDeps {
  return {
    shards: EMPTY_SHARDS,
    writers: [DULL_WRITER],
    databaseOf: () => 0,
    entriesPerUserMax: 1_000,
    tombstonesKeptMs: 30 * 86_400_000,
    now: () => 1_700_000_000_000,
    random: () => 1,
    onFailure: () => undefined,
    failures: { note: async () => undefined },
    ...more,
  };
}
