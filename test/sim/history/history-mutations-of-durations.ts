import { comparePositions, itemName, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { UserView } from "../../../src/history/biz/user-view.ts";
import { instead, method, type Mutation } from "./history-mutation.ts";

/** A view that shows each item as its newest report alone has it. */
function newestReportAlone(): () => void {
  const given = new WeakMap<UserView, Map<string, HistoryRecord>>();
  const newestOf = (view: UserView): Map<string, HistoryRecord> =>
    given.get(view) ?? given.set(view, new Map()).get(view) ?? new Map();
  const undo = [
    method(UserView, "merge", (merge) => {
      return function (this: UserView, record: HistoryRecord) {
        const known = newestOf(this).get(itemName(record));
        if (known === undefined || comparePositions(record, known) > 0)
          newestOf(this).set(itemName(record), record);
        merge.call(this, record);
      };
    }),
    method(UserView, "newestFirst", (newestFirst) => {
      return function (this: UserView) {
        return newestFirst.call(this).map((record) => newestOf(this).get(itemName(record)) ?? record);
      };
    }),
  ].map((patch) => patch());
  return () => {
    for (const restore of undo) restore();
  };
}

/**
 * Every place where a newer record takes the place of an older one, and would take a known duration
 * away.
 */
export const MUTATIONS_OF_DURATIONS: readonly Mutation[] = [
  { name: "a view shows a duration of the newest report only", patch: newestReportAlone },
  {
    name: "the upsert takes a duration away",
    d1: instead("coalesce(excluded.duration_ms, nullif(history.duration_ms, 0))", "excluded.duration_ms"),
  },
  {
    name: "the upsert adds no duration of an older record",
    d1: instead(" OR (nullif(history.duration_ms, 0) IS NULL AND excluded.duration_ms IS NOT NULL)", ""),
  },
];
