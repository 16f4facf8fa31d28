import { unpackFlushMessage } from "../../../src/history/biz/flush-message.ts";
import type { FlushQueue, HistoryReader, HistoryWriter, ShardLog } from "../../../src/history/biz/ports.ts";
import { comparePositions, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { revOfState } from "../../../src/history/biz/user-state.ts";
import { recordName } from "../../support/databases/history-records.ts";
import type { SqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { SET_ASIDE_MAX } from "../../../src/history/biz/write-database.ts";
import type { HistoryScene } from "./history-scene.ts";
import { isReport } from "./history-model.ts";
import {
  checkRefill,
  checkShares,
  checkWritten,
  FORMAT_OF_STATES,
  isKnown,
  isNamedIn,
  NAMING_TABLES,
} from "./history-shard-checks.ts";
import type { Watch } from "./history-shard-watch.ts";
import type { SimStorage } from "../kernel/sim-storage.ts";

/**
 * Share of the rows that a newer release has written a mutation to (field 7) that this one does not
 * know.
 */
const UNKNOWN_ROW = 0.06;
export const UNKNOWN_MUTATION = "3801";
const ADD_UNKNOWN_MUTATION = `UPDATE log SET payload = CAST(payload || x'${UNKNOWN_MUTATION}' AS BLOB) WHERE seq = ?`;
/** With leases that double, a key is sent four times in ten minutes. */
const SENDS_MAX = 5;
/**
 * How far ahead of the wall a report may be dated: the bound on the logical clock, and what passes
 * between two readings.
 */
const DATED_AHEAD_MS_MAX = 61_000;
/** No limit is so small that what follows a snapshot is worth another at once. */
const ROWS_BETWEEN_SNAPSHOTS = 2;

/** A log that tells the model what became durable, and that no revision may repeat. */
export function watchedLog(log: ShardLog, storage: SimStorage, watch: Watch): ShardLog {
  const { model, counters, hold, options, redis } = watch.world;
  const { faults, kernel } = options;
  const isNew = (record: HistoryRecord): boolean => redis === null || redis.isNew(record);
  return {
    get unreadRows() {
      return log.unreadRows;
    },
    replay: (take) => {
      let isEmpty = true;
      const unknown = new Set<number>();
      const end = log.replay((part) => {
        if (watch.unknown.has(part.seq)) unknown.add(part.seq);
        if (part.records.length + part.keys.length + part.users.length > 0) isEmpty = false;
        take(part);
      });
      if (!isEmpty) counters.note("shard started over a log with pending records");
      hold(log.unreadRows >= unknown.size, `shard ${watch.number}: what can't be read is kept`);
      if (log.unreadRows > 0) counters.note("shard started over a row it could not read");
      return end;
    },
    append: (rows, lowWater, adopted) => {
      const bytes = log.append(rows, lowWater, adopted);
      if (adopted !== undefined) {
        counters.note("row adopted that could not be read before");
        return bytes;
      }
      if (faults.has("unknown-row") && kernel.chance(UNKNOWN_ROW))
        addUnknown(storage, watch, rows.at(-1)?.seq ?? 0);
      const records = rows.flatMap((row) => row.records);
      checkWritten(rows, watch);
      // What is cleared leaves, and begins anew when it is reported again.
      for (const { userId } of rows.flatMap((row) => row.users))
        for (const name of watch.sent.keys()) if (name.startsWith(`${userId}/`)) watch.sent.delete(name);
      watch.rowsSinceSnapshot =
        watch.rowsSinceSnapshot === null ? null : watch.rowsSinceSnapshot + rows.length;
      // A machine whose readings jump by a month may date by any of them.
      if (!faults.has("month-ahead")) {
        const latestMs = watch.now() + DATED_AHEAD_MS_MAX;
        for (const record of records)
          hold(
            record.atMs <= latestMs || isKnown(record, watch),
            `${recordName(record)}: nothing is dated ahead of the wall`,
          );
      }
      for (const record of records.filter(isNew))
        hold(record.rev > watch.durableRev, `shard ${watch.number}: revisions only grow`);
      for (const record of records) redis?.written(record);
      const { format } = watch;
      storage.whenDurable(() => {
        for (const record of records) {
          watch.durableRev = Math.max(watch.durableRev, record.rev);
          const twin = model.reportAt(record.positionMs);
          if (faults.has("report-without-at") && isReport(record))
            hold(
              twin === undefined || twin.atMs === record.atMs,
              `${recordName(record)}: a report made again keeps its time`,
            );
        }
        for (const row of rows) {
          for (const state of row.users) watch.durableRev = Math.max(watch.durableRev, revOfState(state) - 1);
          model.persisted(
            redis === null ? row : { ...row, records: redis.nowInLog(row.records) },
            format >= FORMAT_OF_STATES,
          );
        }
      });
      return bytes;
    },
    checkWritable: (records) => log.checkWritable(records),
    writeSnapshot: (seq, pending) => {
      checkShares(pending.records, watch);
      const bytes = log.writeSnapshot(seq, pending);
      const { rowsSinceSnapshot } = watch;
      hold(
        redis !== null || rowsSinceSnapshot === null || rowsSinceSnapshot >= ROWS_BETWEEN_SNAPSHOTS,
        `shard ${watch.number}: a snapshot frees the rows it replaces`,
      );
      watch.rowsSinceSnapshot = 0;
      counters.note("snapshot written");
      return bytes;
    },
    unreadIds: () => log.unreadIds(),
    readUnread: (id) => log.readUnread(id),
    userState: (userId) => log.userState(userId),
    unconfirmedStates: (limit) => log.unconfirmedStates(limit),
    confirmState: (confirmed) => log.confirmState(confirmed),
    isErased: (userId) => log.isErased(userId),
    erase: (userId, atMs, seq, pending) => {
      checkShares(pending.records, watch);
      const bytes = log.erase(userId, atMs, seq, pending);
      watch.erased.add(userId);
      storage.whenDurable(() => void watch.erasedDurably.add(userId));
      for (const table of NAMING_TABLES)
        hold(
          !isNamedIn(storage, table, userId),
          `${userId}: no row of the shard's ${table} names who is erased`,
        );
      watch.rowsSinceSnapshot = null;
      return bytes;
    },
  };
}

/** A later release wrote this row, and something into it that this one does not know. */
function addUnknown(storage: SimStorage, watch: Watch, seq: number): void {
  try {
    storage.sql.exec(ADD_UNKNOWN_MUTATION, seq);
  } catch {
    // The storage failed, which is another trouble: the row stays as it is.
    return;
  }
  storage.whenDurable(() => void watch.unknown.add(seq));
}

/** A queue's sender that counts how often a key is sent. */
export function watchedQueue(queue: FlushQueue, watch: Watch): FlushQueue {
  const { world, sent } = watch;
  return {
    send: async (messages) => {
      for (const message of messages) {
        if (message.type === "refill") checkRefill(watch, world.databaseOf(message.userId));
        else {
          if (message.states !== undefined)
            world.counters.note("state of a user sent", message.states.length);
          for (const key of unpackFlushMessage(message)) {
            const times = sent.get(recordName(key))?.times ?? 0;
            if (times > 0) world.counters.note("lease expired: key sent again");
            sent.set(recordName(key), { times: times + 1, database: world.databaseOf(key.userId) });
            // Of a user with more items than are kept one leaves, and begins anew when it is
            // reported again.
            const staysPending =
              world.model.newestFirst(key.userId).length <= world.options.limits.entriesPerUserMax;
            if (staysPending && world.options.faults.has("resends-without-backoff"))
              world.hold(
                times < SENDS_MAX,
                `${recordName(key)}: keys are not sent again and again while D1 is away`,
              );
          }
        }
      }
      await queue.send(messages);
    },
  };
}

/** A reader that takes note of each database that answers. */
export function watchedReader(reader: HistoryReader, { world, refilledAtMs }: Watch): HistoryReader {
  return {
    newestOf: async (userId, limit) => {
      const records = await reader.newestOf(userId, limit);
      refilledAtMs.delete(world.databaseOf(userId));
      if (records.length === limit && limit < world.options.limits.entriesPerUserMax)
        world.counters.note("newest entries loaded, not all");
      return records;
    },
    find: async (userId, items) => {
      const records = await reader.find(userId, items);
      world.counters.note("items of late reports looked for in D1");
      return records;
    },
  };
}

const STORED = "SELECT at AS atMs, rev FROM history WHERE user_id = ? AND kind = ? AND item_id = ?";

/**
 * A writer that may stall, and that counts what the guards of its statement will make of each
 * record.
 */
export function watchedWriter(
  writer: HistoryWriter,
  db: SqliteD1,
  stall: () => Promise<void>,
  { model, counters, hold }: HistoryScene,
): HistoryWriter {
  let setAside = 0;
  const look = (record: HistoryRecord): void => {
    if (model.user(record.userId).erasure === "done")
      return counters.note("write for an erased user refused");
    const stored = db.statement(STORED).get(record.userId, record.kind, record.itemId);
    if (stored === undefined) return;
    const order = comparePositions(record, { atMs: Number(stored["atMs"]), rev: Number(stored["rev"]) });
    if (order === 0) counters.note("write changed nothing: D1 had it");
    else if (order < 0) counters.note("stale write refused");
  };
  return {
    upsert: async (records) => {
      await stall();
      for (const record of records) look(record);
      await writer.upsert(records);
    },
    reject: async (record, reason) => {
      setAside += 1;
      hold(
        setAside <= SET_ASIDE_MAX,
        "no more records of a batch are set aside than data can be at fault for",
      );
      await writer.reject(record, reason);
      counters.note("record set aside");
    },
    writeStates: async (states) => {
      await stall();
      await writer.writeStates(states);
      counters.note("state of a user written", states.length);
    },
    overfull: async (userIds, keep, tombstonesBeforeMs) => {
      const overfull = await writer.overfull(userIds, keep, tombstonesBeforeMs);
      counters.note("history found too long", overfull.length);
      return overfull;
    },
  };
}
