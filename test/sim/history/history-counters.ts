import type { ObjectEvent } from "../kernel/sim-object.ts";

/** What must have happened somewhere among the seeds, or they prove nothing about it. */
export const COUNTERS = [
  "report acknowledged",
  "report waited for company",
  "report sent again",
  "report refused as overloaded",
  "report of an erased user ignored",
  "read answered",
  "read answered degraded",
  "read of a whole history, exact",
  "page continued by its cursor",
  "shard started over a log with pending records",
  "snapshot written",
  "clock stepped at a restart",
  "user's history at its limit",
  "histories trimmed",
  "refill asked for",
  "write changed nothing: D1 had it",
  "stale write refused",
  "duration shown of an older report",
  "write for an erased user refused",
  "message delivered again",
  "message given up",
  "dead letter counted",
  "caller sent to another shard",
  "mapping not read from D1",
  "newest entries loaded, not all",
  "record set aside",
  "batch refused as a whole",
  "shard started over a row it could not read",
  "row adopted that could not be read before",
  "lease expired: key sent again",
  "consumer stalled before its write",
  "consumer stalled before its confirmation",
  "consumer died while it collects",
  "consumer died while it writes",
  "consumer died while it confirms",
  "database away",
  "database hung",
  "both databases gone",
  "deploy",
  "operator flush",
  "user erased",
  "object crashed before a commit",
  "object crashed after a commit",
  "object crashed while a call was out",
  "object could not start",
  "storage call threw",
  "alarm late",
  "alarm lost",
  "lost alarm set again",
  "alarm went off twice",
  "alarm was tried again",
] as const;

type Counter = (typeof COUNTERS)[number];
/**
 * Six failures of an alarm in a row are so rare that no test waits for them; statements are
 * rewritten by mutations only.
 */
type RareCounter = Exclude<ObjectEvent, Counter> | "statement rewritten";

/** How often each thing happened in one world. */
export class Counters {
  readonly counts = new Map<string, number>();

  note(what: Counter | RareCounter, times = 1): void {
    if (times > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }
}
