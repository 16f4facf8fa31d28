import type { Counts } from "../kernel/counts.ts";
import type { ObjectEvent } from "../kernel/sim-object.ts";

/** What must have happened somewhere among the seeds, or they prove nothing about it. */
export const REALTIME_COUNTERS = [
  "socket opened",
  "device live",
  "device came back",
  "device was told to begin anew",
  "device closed: restarting",
  "device closed: unauthenticated",
  "attempt refused",
  "report acknowledged",
  "report lost to a newer state",
  "report ignored for a pause",
  "change told",
  "change told again, equal",
  "news of a comet's told",
  "news told that a user is behind",
  "reported over HTTP",
  "item deleted",
  "history cleared",
  "history paused",
  "item marked by hand",
  "user erased",
  "session revoked",
  "written back",
  "shard restarted",
  "room restarted",
  "comet killed",
  "comet forgot everything, its sockets stayed",
  "client killed",
  "client in the background",
  "network cut",
  "deploy of everything",
  "room message shown",
  "room message pushed",
  "room message not pushed",
  "device told that messages of its room are missing",
  "object crashed before a commit",
  "object crashed after a commit",
  "object crashed while a call was out",
] as const;

type Counter = (typeof REALTIME_COUNTERS)[number];
type RareCounter = Exclude<ObjectEvent, Counter> | "device closed: replaced" | "device given up";

/** Of those who come back so many may be told to begin anew. */
const BEGIN_ANEW_MAX = 0.05;

/** Whether of all who came back, in whatever worlds, too many had to begin anew. */
export function areTooManyAnew(counts: Counts): boolean {
  const anew = counts.get("device was told to begin anew") ?? 0;
  return anew > BEGIN_ANEW_MAX * (counts.get("device came back") ?? 0);
}

/** How often each thing happened in one world. */
export class RealtimeCounters {
  readonly counts = new Map<string, number>();

  note(what: Counter | RareCounter, times = 1): void {
    if (times > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }
}
