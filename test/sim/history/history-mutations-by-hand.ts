import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import { PendingStates } from "../../../src/history/biz/pending-states.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { ReportStamp } from "../../../src/history/biz/report-stamp.ts";
import type { UserState } from "../../../src/history/biz/user-state.ts";
import { UserView } from "../../../src/history/biz/user-view.ts";
import { UserViews } from "../../../src/history/biz/user-views.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import { ShardFacts } from "../../../src/history/data/shard-facts.ts";
import { differing, instead, method, type Mutation } from "./history-mutation.ts";

const EVER = Number.POSITIVE_INFINITY;
const HOUR_OF_REVISIONS = 3_600_000 * 1024;
const AS_GIVEN = /CASE WHEN \([^)]*\) > \([^)]*\) THEN (excluded\.\w+) ELSE history_user\.\w+ END/g;
const SOMETHING_LATER = /WHERE history_user\.erased = 0 AND \(.*\)$/;
const UPSERT_AT = "(r.value ->> 7, r.value ->> 8)";

const notDeleted = ({ deleted }: HistoryRecord): boolean => !deleted;

/** A shard that takes what holds for a user for less, or for more, than it is. */
function believing(change: (state: UserState) => Partial<UserState>): NonNullable<Mutation["log"]> {
  return (log) =>
    differing(log, {
      userState: (userId) => {
        const state = log.userState(userId);
        return state === null ? null : { ...state, ...change(state) };
      },
    });
}

/** Replaces a getter for the time of a run. */
function getter<T extends object, K extends keyof T>(
  type: { readonly prototype: T; readonly name: string },
  name: K,
  get: (self: T) => T[K],
): () => () => void {
  return () => {
    const original = Object.getOwnPropertyDescriptor(type.prototype, name);
    if (original?.get === undefined) throw new TypeError(`${type.name} has no ${String(name)} any more`);
    Object.defineProperty(type.prototype, name, {
      ...original,
      get(this: T) {
        return get(this);
      },
    });
    return () => void Object.defineProperty(type.prototype, name, original);
  };
}

/** Every guard of deletions, clears, pauses, and of what is kept of a user. */
export const MUTATIONS_BY_HAND: readonly Mutation[] = [
  {
    name: "a tombstone leaves the pending set when it is collected",
    patch: method(PendingSet, "collect", (collect) => {
      return function (this: PendingSet, keys, takes) {
        const records = collect.call(this, keys, takes);
        for (const record of records) if (record.deleted) this.confirm(record, 0);
        return records;
      };
    }),
  },
  {
    name: "the job confirms tombstones and writes none",
    writer: (writer) => ({ ...writer, upsert: (records) => writer.upsert(records.filter(notDeleted)) }),
  },
  {
    name: "a tombstone is written as the entry that it deletes",
    d1: instead("CASE WHEN r.value ->> 12 THEN r.value ->> 8 END", "NULL"),
  },
  {
    name: "tombstones are forgotten as soon as D1 has them",
    limits: { tombstonesKeptMs: 0 },
  },
  {
    name: "what older code can't read is written before that has gone",
    patch: getter(ShardFacts, "format", () => LOG_FORMAT),
  },
  {
    name: "a record does not keep the time that its client gave",
    patch: method(ReportStamp, "stamp", (stamp) => {
      return function (this: ReportStamp, userId, report, latestMs) {
        return { ...stamp.call(this, userId, report, latestMs), rawAtMs: null };
      };
    }),
  },
  {
    name: "a shard compares what was cleared by the time alone",
    log: believing(({ cleared }) => ({
      cleared: cleared === null ? null : { ...cleared, rev: cleared.rev + HOUR_OF_REVISIONS },
    })),
  },
  {
    name: "the upsert does not ask what was cleared",
    d1: instead(`r.value ->> 8 <= u.cleared_rev OR ${UPSERT_AT} <= (u.cleared_before, u.cleared_rev)`, "0"),
  },
  {
    name: "what was cleared stays in D1",
    d1: instead(
      "history.rev <= u.cleared_rev OR (history.at, history.rev) <= (u.cleared_before, u.cleared_rev)",
      "0",
    ),
  },
  {
    name: "what was cleared stays pending",
    patch: method(PendingSet, "retain", () => () => undefined),
  },
  { name: "a view is not told of a clear", patch: method(UserViews, "retain", () => () => undefined) },
  {
    name: "a shard forgets what was cleared",
    log: believing(() => ({ cleared: null })),
  },
  {
    name: "reports are taken during a pause",
    log: believing(() => ({ paused: false, pausedFromMs: null })),
  },
  {
    name: "reports from the time of a pause are taken after it",
    log: believing(({ paused }) => (paused ? {} : { pausedFromMs: null, pausedUntilMs: null })),
  },
  {
    name: "of two states of a user D1 has the one that was written last",
    d1: (query) =>
      query.includes("INSERT INTO history_user (user_id, settings_rev")
        ? query.replace(SOMETHING_LATER, "WHERE history_user.erased = 0").replaceAll(AS_GIVEN, "$1")
        : query,
  },
  {
    name: "a confirmation of a state does not ask for the revision",
    log: (log) =>
      differing(log, {
        confirmState: ({ userId }) =>
          log.confirmState({
            userId,
            settingsRev: EVER,
            clearedRev: EVER,
            floorRev: EVER,
            forgottenRev: EVER,
          }),
      }),
  },
  {
    name: "no alarm is set for a state of a user",
    patch: method(PendingStates, "nextDueMs", () => () => null),
  },
  {
    name: "an erasure leaves what holds for the user as a whole",
    shardSql: instead("DELETE FROM user_state WHERE", "DELETE FROM user_state WHERE 0 AND"),
  },
  {
    name: "what is beyond what is kept comes back when newer entries are deleted",
    log: believing(() => ({ floor: null, floorRev: 0 })),
  },
  {
    name: "the upsert does not ask what is beyond what is kept",
    d1: instead(`${UPSERT_AT} <= (u.floor_at, u.floor_rev)`, "0"),
  },
  {
    name: "what is beyond what is kept stays in D1",
    d1: instead("(history.at, history.rev) <= (u.floor_at, u.floor_rev)", "0"),
  },
  {
    name: "nobody is told what a view has no room for",
    patch: method(UserView, "newestBeyond", () => () => null),
  },
];
