import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { Retention } from "../biz/ports.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";

/** Tombstones that one sweep looks at, and users who are settled for them. */
const ROWS_MAX = 1_000;
const USERS_MAX = 100;

const OLDEST = namedSql(`
  SELECT DISTINCT user_id FROM (
    SELECT user_id FROM history WHERE deleted IS NOT NULL AND deleted = rev AND at < :beforeMs ORDER BY at LIMIT :rowsMax)
  LIMIT :usersMax`);

interface OldTombstonesDeps {
  /** How long a tombstone is kept, in ms. */
  readonly keptMs: number;
  /** Has the users' shards say what of theirs goes. */
  readonly settle: (userIds: readonly string[]) => Promise<void>;
}

/**
 * Tombstones of users of whom nothing more comes: the job, which looks at others, never meets them.
 * They go as all goes, by what their shard says; until that has come through they are found again.
 */
export function oldTombstones(db: D1Database, { keptMs, settle }: OldTombstonesDeps): Retention {
  return {
    what: "old tombstones",
    async prune(nowMs) {
      let userIds: readonly string[];
      try {
        const limits = { beforeMs: nowMs - keptMs, rowsMax: ROWS_MAX, usersMax: USERS_MAX };
        const rows = await bound(db, OLDEST, limits).raw<readonly [userId: string]>();
        userIds = rows.map(([userId]) => userId);
      } catch (cause) {
        throw d1Error(cause, "look for old tombstones");
      }
      if (userIds.length > 0) await settle(userIds);
      return false;
    },
  };
}
