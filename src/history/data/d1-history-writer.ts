import type { Clock } from "../../resilience/clock.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";
import type { HistoryWriter } from "../biz/ports.ts";
import type { HistoryRecord } from "../biz/record.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";
import { IS_DELETED } from "./record-fields.ts";
import { upsertRecords } from "./record-upsert.ts";
import { DROP_CLEARED, DROP_DELETED, SET_ASIDE } from "./set-aside.ts";
import { DELETE_BY_STATES, JOIN_STATES, statesJson } from "./state-upsert.ts";

const OVERFULL = namedSql(`
  SELECT user_id FROM history WHERE user_id IN (SELECT value FROM json_each(:userIds)) GROUP BY user_id
  HAVING sum(NOT ${IS_DELETED}) > :keep OR sum(${IS_DELETED}) > :keep
    OR min(CASE WHEN ${IS_DELETED} THEN at END) < :tombstonesBeforeMs`);

/** Users in one batch of states: each may have some 1,000 rows that go. */
const STATES_PER_BATCH = 50;

export const REASON_LENGTH_MAX = 500;

/** Writes one D1 database in bulk. */
export function d1HistoryWriter(db: D1Database, now: Clock): HistoryWriter {
  return {
    async upsert(records) {
      try {
        const tombstones = records.filter(({ deleted }) => deleted);
        if (tombstones.length === 0) await upsertRecords(db, records).run();
        else await db.batch([upsertRecords(db, records), dropDeleted(db, tombstones)]);
      } catch (cause) {
        throw d1Error(cause, "write history records");
      }
    },

    async reject(record, reason) {
      try {
        const { userId, kind, itemId, rev } = record;
        await bound(db, SET_ASIDE, {
          userId,
          kind,
          itemId,
          rev,
          record: JSON.stringify(record),
          reason: reason.slice(0, REASON_LENGTH_MAX),
          nowMs: now(),
        }).run();
      } catch (cause) {
        throw d1Error(cause, "set a rejected record aside");
      }
    },

    async writeStates(states) {
      try {
        for (let from = 0; from < states.length; from += STATES_PER_BATCH) {
          const part = statesJson(states.slice(from, from + STATES_PER_BATCH));
          await db.batch(boundAll(db, [JOIN_STATES, DELETE_BY_STATES, DROP_CLEARED], { states: part }));
        }
      } catch (cause) {
        throw d1Error(cause, "write users' states");
      }
    },

    async overfull(userIds, keep, tombstonesBeforeMs) {
      try {
        const values = { userIds: JSON.stringify(userIds), keep, tombstonesBeforeMs };
        const rows = await bound(db, OVERFULL, values).raw<readonly [userId: string]>();
        return rows.map(([userId]) => userId);
      } catch (cause) {
        throw d1Error(cause, "look for histories that are too long");
      }
    },
  };
}

/** What was set aside of deleted items goes with them. */
function dropDeleted(db: D1Database, tombstones: readonly HistoryRecord[]): D1PreparedStatement {
  const keys = tombstones.map(({ userId, kind, itemId, atMs, rev }) => [userId, kind, itemId, atMs, rev]);
  return bound(db, DROP_DELETED, { tombstones: JSON.stringify(keys) });
}
