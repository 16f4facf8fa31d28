import { unpackFlushMessage } from "../../src/history/biz/flush-message.ts";
import type { FlushQueue, HistoryWriter, ShardLog } from "../../src/history/biz/ports.ts";
import { comparePositions, recordName, type HistoryRecord } from "../../src/history/biz/record.ts";
import type { SqliteD1 } from "../support/sqlite-d1.ts";
import type { HistoryWorld } from "./history-world.ts";
import type { SimStorage } from "./sim-storage.ts";

/** What is remembered about one shard beside it. */
export interface Watch {
  readonly world: HistoryWorld;
  readonly number: number;
  /** The largest revision that is durable. */
  durableRev: number;
  /** How often each key has been sent in this life since D1 confirmed it. */
  readonly sent: Map<string, number>;
}

/** Share of the rows that a newer release has written a mutation to (field 4) that this one does not know. */
const UNKNOWN_ROW = 0.02;
const ADD_UNKNOWN_MUTATION = "UPDATE log SET payload = CAST(payload || x'2001' AS BLOB) WHERE seq = ?";
/** With leases that double, a key is sent four times in ten minutes. */
const SENDS_MAX = 5;

/** A log that tells the model what became durable, and that no revision may repeat. */
export function watchedLog(log: ShardLog, storage: SimStorage, watch: Watch): ShardLog {
  const { model, counters, hold, options } = watch.world;
  const { faults, kernel } = options;
  return {
    replay: () => {
      const replayed = log.replay();
      if (replayed.rows.some(({ records }) => records.length > 0)) counters.note("shard started over a log with pending records");
      return replayed;
    },
    append: (row) => {
      log.append(row);
      if (faults.has("unknown-row") && kernel.chance(UNKNOWN_ROW)) storage.sql.exec(ADD_UNKNOWN_MUTATION, row.seq);
      for (const { rev } of row.records) hold(rev > watch.durableRev, `shard ${watch.number}: revisions only grow`);
      storage.whenDurable(() => {
        for (const record of row.records) {
          watch.durableRev = Math.max(watch.durableRev, record.rev);
          const twin = model.reportAt(record.positionMs);
          if (faults.has("report-without-at"))
            hold(twin === undefined || twin.atMs === record.atMs, `${recordName(record)}: a report made again keeps its time`);
          model.persisted(record);
        }
      });
    },
    writeSnapshot: (seq, records) => {
      log.writeSnapshot(seq, records);
      counters.note("snapshot written");
    },
    erasedUsers: () => log.erasedUsers(),
    markErased: (userId, atMs) => log.markErased(userId, atMs),
  };
}

/** What a shard hands to the job is never an old state whose successor is durable. */
export function checkHandedOut(records: readonly HistoryRecord[], { model, hold }: HistoryWorld): void {
  for (const record of records) {
    const winner = model.winner(record);
    const isReplaced = winner !== undefined && winner.rev > record.rev && comparePositions(winner, record) > 0;
    hold(!isReplaced, `${recordName(record)}: no state comes back whose successor is durable`);
  }
}

/** A queue's sender that counts how often a key is sent. */
export function watchedQueue(queue: FlushQueue, { world, sent }: Watch): FlushQueue {
  return {
    send: async (messages) => {
      for (const message of messages) {
        if (message.type === "refill") world.counters.note("refill asked for");
        else {
          for (const key of unpackFlushMessage(message)) {
            const times = sent.get(recordName(key)) ?? 0;
            if (times > 0) world.counters.note("lease expired: key sent again");
            sent.set(recordName(key), times + 1);
            if (world.options.faults.has("resends-without-backoff"))
              world.hold(times < SENDS_MAX, `${recordName(key)}: keys are not sent again and again while D1 is away`);
          }
        }
      }
      await queue.send(messages);
    },
  };
}

const STORED = "SELECT at AS atMs, rev FROM history WHERE user_id = ? AND kind = ? AND item_id = ?";

/** A writer that may stall, and that counts what the guards of its statement will make of each record. */
export function watchedWriter(
  writer: HistoryWriter,
  db: SqliteD1,
  stall: () => Promise<void>,
  { model, counters }: HistoryWorld,
): HistoryWriter {
  const look = (record: HistoryRecord): void => {
    if (model.user(record.userId).erasure === "done") return counters.note("write for an erased user refused");
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
    reject: (record, reason) => writer.reject(record, reason),
    trim: async (userIds, keep) => {
      await writer.trim(userIds, keep);
      counters.note("histories trimmed");
    },
  };
}
