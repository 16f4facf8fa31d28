import { codeOf } from "../../../src/contracts/errors.ts";
import type { ReportReceipt } from "../../../src/contracts/history.ts";
import { spreadEvenly } from "../../../src/history/biz/bucket-map.ts";
import { FlushSchedule } from "../../../src/history/biz/flush-schedule.ts";
import { GroupCommit } from "../../../src/history/biz/group-commit.ts";
import { HybridClock } from "../../../src/history/biz/hybrid-clock.ts";
import { DatabaseShare } from "../../../src/history/biz/database-share.ts";
import { MappingCopy } from "../../../src/history/biz/mapping-copy.ts";
import { MappingKeeper } from "../../../src/history/biz/mapping-keeper.ts";
import { PendingBudget } from "../../../src/history/biz/pending-budget.ts";
import { PendingIndex } from "../../../src/history/biz/pending-index.ts";
import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import type { HistoryWriter } from "../../../src/history/biz/ports.ts";
import { comparePositions, itemName, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { UserView } from "../../../src/history/biz/user-view.ts";
import { recordName } from "../../support/databases/history-records.ts";
import { ENTRIES_PER_USER_MAX } from "./history-trouble.ts";
import { WRONG_SEED } from "./history-world.ts";
import { InjectedError } from "../kernel/kernel.ts";
import { differing, instead, method, type Mutation } from "./history-mutation.ts";

/** Another map of buckets than worlds go by. */
const ANEW = spreadEvenly(["HISTORY_DB_0", "HISTORY_DB_1"]);
const EVER = Number.POSITIVE_INFINITY;
const NEWER = "(excluded.at, excluded.rev) > (history.at, history.rev)";

/** A view that shows what it was given last, whatever is newer. */
function lastOneWins(): () => void {
  const given = new WeakMap<UserView, Map<string, HistoryRecord>>();
  const lastOf = (view: UserView): Map<string, HistoryRecord> =>
    given.get(view) ?? given.set(view, new Map()).get(view) ?? new Map();
  const undo = [
    method(UserView, "merge", (merge) => {
      return function (this: UserView, record: HistoryRecord) {
        lastOf(this).set(itemName(record), record);
        merge.call(this, record);
      };
    }),
    method(UserView, "get", () => {
      return function (this: UserView, name: string) {
        return lastOf(this).get(name);
      };
    }),
    method(UserView, "newestFirst", (newestFirst) => {
      return function (this: UserView) {
        const records = newestFirst.call(this).map((record) => lastOf(this).get(itemName(record)) ?? record);
        return records.toSorted((a, b) => comparePositions(b, a));
      };
    }),
  ].map((patch) => patch());
  return () => {
    for (const restore of undo) restore();
  };
}

/** An alarm that is neither moved nor missed. */
function alarmBelieved(): () => void {
  const believed = new WeakSet<FlushSchedule>();
  const undo = [
    method(FlushSchedule, "rearm", (rearm) => {
      return function (this: FlushSchedule) {
        if (believed.has(this)) return undefined;
        believed.add(this);
        return rearm.call(this);
      };
    }),
    method(FlushSchedule, "onAlarm", (onAlarm) => {
      return function (this: FlushSchedule) {
        believed.delete(this);
        return onAlarm.call(this);
      };
    }),
  ].map((patch) => patch());
  return () => {
    for (const restore of undo) restore();
  };
}

/** A key that is sent once and never again. */
function sentOnce(): () => void {
  const sent = new WeakMap<PendingSet, Set<string>>();
  return method(PendingSet, "lease", (lease) => {
    return function (this: PendingSet, waitingSinceMs, nowMs) {
      const known = sent.get(this) ?? new Set();
      sent.set(this, known);
      return lease.call(this, waitingSinceMs, nowMs).filter((key) => {
        const name = recordName(key);
        const isNew = !known.has(name);
        known.add(name);
        return isNew;
      });
    };
  })();
}

/** No database is believed to work: so each may have what the others could use. */
function everyDatabaseFailing(): () => void {
  const getter = Object.getOwnPropertyDescriptor(DatabaseShare.prototype, "isFailing");
  if (getter === undefined) throw new TypeError("DatabaseShare has no isFailing any more");
  Object.defineProperty(DatabaseShare.prototype, "isFailing", { ...getter, get: () => true });
  return () => void Object.defineProperty(DatabaseShare.prototype, "isFailing", getter);
}

/** Sets aside whatever a database refuses, however much that is. */
function unlimited(writer: HistoryWriter): HistoryWriter {
  return {
    ...writer,
    upsert: async (records) => {
      for (const record of records) {
        try {
          await writer.upsert([record]);
        } catch (error) {
          if (codeOf(error) !== "INVALID") throw error;
          await writer.reject(record, "refused");
        }
      }
    },
  };
}

/** Every guard of the history, broken on purpose, one at a time. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "the low water is ignored at a replay",
    shardSql: instead("SELECT slot, seq, low_water, rev_high", "SELECT slot, seq, 0 AS low_water, rev_high"),
  },
  {
    name: "rows are freed while they hold something",
    log: (log) =>
      differing(log, {
        append: (rows, lowWater, adopted) => log.append(rows, rows[0]?.seq ?? lowWater, adopted),
      }),
  },
  {
    name: "a snapshot is not replayed",
    shardSql: instead(
      "SELECT chunk, seq, chunks FROM snapshot",
      "SELECT chunk, seq, chunks FROM snapshot WHERE 0",
    ),
  },
  {
    name: "half a snapshot is written, and the rest fails",
    log: (log, kernel) =>
      differing(log, {
        writeSnapshot: (seq, pending) => {
          const { records } = pending;
          log.writeSnapshot(seq, { ...pending, records: records.slice(0, Math.floor(records.length / 2)) });
          if (kernel.chance(0.5)) throw new InjectedError("the storage failed");
          return log.writeSnapshot(seq, pending);
        },
      }),
  },
  {
    name: "the high-water mark of revisions is forgotten at a restart",
    log: (log) => differing(log, { replay: (take) => ({ ...log.replay(take), revHighWater: 0 }) }),
  },
  {
    name: "the clock of revisions goes back with the wall clock",
    patch: method(HybridClock, "tick", () => (nowMs) => Math.floor(nowMs) * 1024),
  },
  {
    name: "a confirmation does not ask for the revision",
    patch: method(PendingSet, "confirm", (confirm) => {
      return function (this: PendingSet, confirmation, nowMs) {
        confirm.call(this, { ...confirmation, rev: EVER }, nowMs);
      };
    }),
  },
  {
    name: "a record is forgotten when it is collected",
    patch: method(PendingSet, "collect", (collect) => {
      return function (this: PendingSet, keys, takes) {
        const records = collect.call(this, keys, takes);
        for (const record of records) this.confirm(record, 0);
        return records;
      };
    }),
  },
  {
    name: "the job confirms before it writes",
    shards: (shards) => ({
      ...shards,
      collect: async (shard, keys, format) => {
        const records = await shards.collect(shard, keys, format);
        await shards.confirm(shard, records);
        return records;
      },
    }),
  },
  {
    name: "the job takes a failed write for a good one",
    writer: (writer) => ({ ...writer, upsert: (records) => writer.upsert(records).catch(() => undefined) }),
  },
  { name: "the job confirms nothing", shards: (shards) => ({ ...shards, confirm: async () => undefined }) },
  {
    name: "what is pending is whatever came last",
    patch: method(PendingSet, "put", (put) => {
      return function (this: PendingSet, record, seq, nowMs) {
        this.confirm({ ...record, rev: EVER }, nowMs);
        put.call(this, record, seq, nowMs);
      };
    }),
  },
  {
    name: "a record's age counts from its last report",
    patch: method(PendingSet, "put", (put) => {
      return function (this: PendingSet, record, seq, nowMs) {
        const known = this.get(record);
        if (known !== undefined && comparePositions(record, known) > 0) this.confirm(known, nowMs);
        put.call(this, record, seq, nowMs);
      };
    }),
  },
  { name: "the upsert has no guard", d1: instead(NEWER, "1") },
  {
    name: "the upsert's guard asks for the revision alone",
    d1: instead(NEWER, "excluded.rev > history.rev"),
  },
  { name: "the upsert's guard asks for the time alone", d1: instead(NEWER, "excluded.at > history.at") },
  { name: "the upsert does not ask who was erased", d1: instead("u.erased = 1 OR ", "") },
  {
    name: "a shard does not remember who was erased",
    log: (log) => differing(log, { isErased: () => false }),
  },
  {
    name: "an erasure marks and deletes nothing",
    d1: instead("DELETE FROM history WHERE", "DELETE FROM history WHERE 0 AND"),
  },
  { name: "a view is loaded without what is pending", patch: method(PendingSet, "ofUser", () => () => []) },
  { name: "a refill overwrites what is newer", patch: lastOneWins },
  {
    name: "a user whom D1 could not give is taken for one without a history",
    reader: (reader) => ({
      ...reader,
      newestOf: (userId, limit) => reader.newestOf(userId, limit).catch(() => []),
    }),
  },
  {
    name: "a report is acknowledged before its commit",
    patch: method(GroupCommit, "submit", (submit) => {
      return async function (this: GroupCommit<unknown, unknown>, item: unknown) {
        submit.call(this, item).catch(() => undefined);
        const { reports } = item as { readonly reports: readonly unknown[] };
        return { accepted: reports.length, ignored: 0 } satisfies ReportReceipt;
      };
    }),
  },
  { name: "answers do not wait for the commit", hasOutputGate: false },
  { name: "the alarm is not set again", patch: method(FlushSchedule, "rearm", () => () => undefined) },
  { name: "the alarm is believed to be set once it has been", patch: alarmBelieved },
  { name: "a lease never ends", patch: sentOnce },
  {
    name: "what belongs together is not written in a transaction",
    under: "half-snapshot",
    hasTransactions: false,
  },
  {
    name: "an erasure leaves the rows that name the user",
    shardSql: instead("UPDATE log SET payload = x''", "UPDATE log SET payload = payload"),
  },
  {
    name: "a row that can't be read is passed over",
    under: "unknown-row",
    shardSql: instead(
      "INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (?1, ?2, ?3, ?4)",
      "INSERT INTO unread_row (seq, part, kinds_read, payload) SELECT ?1, ?2, ?3, ?4 WHERE 0",
    ),
  },
  {
    name: "a shard serves whoever comes, whatever mapping they go by",
    patch: method(MappingCopy, "against", () => () => null),
  },
  {
    name: "a mapping that can't be found is guessed, older shards or not",
    patch: method(MappingKeeper, "current", (current) => {
      return function (this: MappingKeeper) {
        return current.call(this).catch(() => ({ version: 1, shards: WRONG_SEED, buckets: 0, map: ANEW }));
      };
    }),
  },
  {
    name: "users of an older platform are spread anew",
    patch: method(MappingKeeper, "current", (current) => {
      return async function (this: MappingKeeper) {
        return { ...(await current.call(this)), map: ANEW };
      };
    }),
  },
  {
    name: "leases are all as long",
    under: "resends-without-backoff",
    patch: method(PendingIndex, "each", (each) => {
      return function* (this: PendingIndex) {
        for (const entry of each.call(this)) {
          entry[1].leases = 0;
          yield entry;
        }
      };
    }),
  },
  {
    name: "a clock that is set back is not noticed",
    under: "month-ahead",
    patch: method(PendingSet, "clampTo", () => () => undefined),
  },
  {
    name: "one database may fill all there is",
    under: "one-database-fills-all",
    patch: everyDatabaseFailing,
  },
  {
    name: "what is pending already counts as new",
    patch: method(PendingBudget, "tryReserve", (tryReserve) => {
      return function (this: PendingBudget, addition) {
        return tryReserve.call(this, { ...addition, records: Math.max(1, addition.records) });
      };
    }),
  },
  {
    name: "of a user's pending records the newest leaves",
    patch: method(PendingSet, "put", (put) => {
      return function (this: PendingSet, record, seq, nowMs) {
        if (this.get(record) === undefined && this.countOf(record.userId) >= ENTRIES_PER_USER_MAX) return;
        put.call(this, record, seq, nowMs);
      };
    }),
  },
  { name: "an unlimited number of records is set aside", under: "everything-set-aside", writer: unlimited },
  { name: "nobody sweeps", hasSweep: false },
];
