import { DatabaseShare } from "../../../src/history/biz/database-share.ts";
import { LogRows } from "../../../src/history/biz/log-rows.ts";
import { PendingIndex } from "../../../src/history/biz/pending-index.ts";
import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import { RefillRequests } from "../../../src/history/biz/refill-requests.ts";
import { ReportStamp } from "../../../src/history/biz/report-stamp.ts";
import { UserViews } from "../../../src/history/biz/user-views.ts";
import { ShardFacts } from "../../../src/history/data/shard-facts.ts";
import { UnreadRows } from "../../../src/history/data/unread-rows.ts";
import { differing, instead, method, type Mutation } from "./history-mutation.ts";
import { InjectedError } from "../kernel/kernel.ts";

/**
 * Guards whose loss loses nothing: what they keep is bounds, and the promise that what is over is
 * over.
 */
export const MUTATIONS_OF_BOUNDS: readonly Mutation[] = [
  {
    name: "what waited through an outage waits on when it is over",
    under: "resends-without-backoff",
    patch: method(DatabaseShare, "confirmed", (confirmed) => {
      return function (this: DatabaseShare, nowMs) {
        confirmed.call(this, nowMs);
        return false;
      };
    }),
  },
  {
    name: "what is confirmed is forgotten in memory alone",
    patch: method(LogRows, "gone", () => () => undefined),
  },
  {
    name: "a restart takes what has waited for new",
    patch: method(PendingSet, "logged", () => (record) => record),
  },
  { name: "a snapshot frees no rows", patch: method(PendingSet, "moveAllTo", () => () => undefined) },
  {
    name: "no snapshot can ever be written",
    under: "log-outgrows-pending",
    log: (log) =>
      differing(log, {
        writeSnapshot: () => {
          throw new InjectedError("the storage failed");
        },
      }),
  },
  {
    name: "a row that has been adopted is adopted again",
    under: "unknown-row",
    shardSql: instead("DELETE FROM unread_row WHERE", "DELETE FROM unread_row WHERE 0 AND"),
  },
  {
    name: "an erasure leaves the rows that can't be read",
    under: "unknown-row",
    patch: method(UnreadRows, "anonymise", () => () => undefined),
  },
  {
    name: "a shard does not keep its copy of the mapping",
    patch: method(ShardFacts, "writeMapping", () => () => undefined),
  },
  {
    name: "a report is dated as its client says, however far ahead",
    patch: method(ReportStamp, "stamp", (stamp) => {
      return function (this: ReportStamp, userId, report, latestMs) {
        return { ...stamp.call(this, userId, report, latestMs), atMs: report.at ?? latestMs };
      };
    }),
  },
  {
    name: "each read that fails asks for a refill",
    patch: method(RefillRequests, "ask", (ask) => {
      return function (this: RefillRequests, database, userId) {
        this.succeeded(database);
        ask.call(this, database, userId);
      };
    }),
  },
  {
    name: "what is beyond the newest entries is never loaded",
    patch: method(UserViews, "of", (of) => {
      return function (this: UserViews, userId) {
        return of.call(this, userId, "head");
      };
    }),
  },
  {
    name: "a user may have anything pending",
    patch: method(PendingIndex, "add", (add) => {
      return function (this: PendingIndex, pending) {
        return { ...add.call(this, pending), records: new Map() };
      };
    }),
  },
  {
    name: "a record is confirmed before it is set aside",
    under: "everything-set-aside",
    writer: (writer) => ({
      ...writer,
      reject: (record, reason) => writer.reject(record, reason).catch(() => undefined),
    }),
  },
];
