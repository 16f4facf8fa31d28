import { ReportStamp } from "../../../src/history/biz/report-stamp.ts";
import type { UserView } from "../../../src/history/biz/user-view.ts";
import { ViewCache } from "../../../src/history/biz/view-cache.ts";
import { method } from "./history-mutation.ts";
import type { HistoryWorld } from "./history-world.ts";

/**
 * Looks at what no port tells, for the time of a run: how each report is dated, whether it is
 * written down or not, and how much memory the views of a shard take.
 */
export function watchClasses(worldNow: () => HistoryWorld | null): () => void {
  const views = new WeakMap<ViewCache, Map<UserView, string>>();
  const checkBytes = (cache: ViewCache): void => {
    const world = worldNow();
    if (world === null) return;
    let loading = 0;
    for (const [view, userId] of views.get(cache) ?? []) {
      if (view.loads > 0) loading += view.bytes;
      else if (cache.peek(userId) !== view) views.get(cache)?.delete(view);
    }
    world.hold(
      cache.bytes <= world.options.limits.viewBytesMax + loading,
      "views of users take no more memory than they may",
    );
  };
  const undo = [
    method(ReportStamp, "stamp", (stamp) => {
      return function (this: ReportStamp, userId, report, latestMs) {
        const record = stamp.call(this, userId, report, latestMs);
        worldNow()?.model.stamped(record);
        return record;
      };
    }),
    method(ViewCache, "open", (open) => {
      return function (this: ViewCache, userId, pending) {
        const view = open.call(this, userId, pending);
        views.set(this, (views.get(this) ?? new Map<UserView, string>()).set(view, userId));
        return view;
      };
    }),
    method(ViewCache, "merge", (merge) => {
      return function (this: ViewCache, record) {
        merge.call(this, record);
        if (this.peek(record.userId) !== undefined) checkBytes(this);
      };
    }),
    method(ViewCache, "loaded", (loaded) => {
      return function (this: ViewCache, userId, view, reach, nowMs) {
        const isShown = this.peek(userId) === view;
        views.set(this, (views.get(this) ?? new Map<UserView, string>()).set(view, userId));
        loaded.call(this, userId, view, reach, nowMs);
        if (isShown) checkBytes(this);
      };
    }),
  ].map((patch) => patch());
  return () => {
    for (const restore of undo.toReversed()) restore();
  };
}
