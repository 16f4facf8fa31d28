import { ENTRIES_PER_PAGE_MAX } from "../../contracts/history.ts";
import type { ShardLimits } from "./shard-deps.ts";

/** What a shard may hold, whatever its worker is told by vars. */
export const SHARD_LIMITS = {
  // Sixteen shards may share an isolate of 128 MB, so each stays below some 8 MB.
  pendingRecordsMax: 20_000,
  pendingBytesMax: 5_000_000,
  viewBytesMax: 2_000_000,
  // The largest page, and one more to know whether anything follows.
  headEntries: ENTRIES_PER_PAGE_MAX + 1,
  liveRowsMax: 8_192,
} as const satisfies Partial<ShardLimits>;
