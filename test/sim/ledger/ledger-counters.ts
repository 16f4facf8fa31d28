import type { AlarmEvent } from "../kernel/sim-alarm.ts";
import type { GuardEvent } from "../kernel/sim-guard.ts";
import type { ObjectEvent } from "../kernel/sim-object.ts";

/**
 * What must have happened somewhere among the seeds of the usual profile, or they prove nothing
 * about it.
 */
export const LEDGER_COUNTERS = [
  "deposit booked",
  "deposit refused: account closed",
  "deposit refused: account frozen",
  "deposit asked for again",
  "deposit reversed",
  "deposit reversed on a frozen account",
  "reversal asked for again",
  "reversal refused: INSUFFICIENT_FUNDS",
  "reversal refused: no deposit",
  "transfer settled",
  "transfer refunded",
  "transfer rejected: INSUFFICIENT_FUNDS",
  "transfer refused: account frozen",
  "rejected key asked for again",
  "taken key asked for again",
  "key refused with another payload",
  "refund refused: it has arrived",
  "refund refused: it is under way",
  "message sent",
  "message sent again",
  "message parked",
  "message held back",
  "closed account bounced a credit",
  "frozen account bounced a credit",
  "unreadable message parked",
  "message redriven",
  "message redriven under way",
  "failed send released",
  "dead letter kept",
  "audit line written",
  "transfers passed by a reconciliation in between",
  "change published",
  "change published again",
  "message delivered again",
  "process died",
  "clock stepped at a restart",
  "database away",
  "database hung",
  "queue took nothing",
  "other ledger out of reach",
  "effect came late",
  "effect came after its caller's death",
  "guard gave up waiting",
  "guard tried again",
  "breaker refused a call",
  "alarm lost",
  "alarm late",
  "alarm went off twice",
  "transfer taken before the spending cap",
  "request refused at the spending cap",
  "alarm held at the spending cap",
  "query refused at the spending cap",
  "delivery held at the spending cap",
  "message under way at the end of the spending cap",
  "message arrived within five minutes after the spending cap",
] as const;

/** What must have happened among those of the long one. */
export const LONG_COUNTERS = [
  "deposit booked",
  "transfer settled",
  "transfer refunded",
  "message given up",
  "message parked",
  "message redriven",
  "queue gave a message up",
  "dead letter kept",
  "inbox row pruned",
  "change pruned",
  "dead letter pruned",
  "credited message redriven after its inbox row was pruned",
  "audit line written",
  "change published",
] as const;

/** What must have happened where the change stream is switched off and on. */
export const SWITCHED_COUNTERS = [
  "stream deployed off",
  "stream deployed",
  "movement that no stream told",
  "gap in a stream",
  "change published",
  "change published again",
] as const;

type Counter =
  | (typeof LEDGER_COUNTERS)[number]
  | (typeof LONG_COUNTERS)[number]
  | (typeof SWITCHED_COUNTERS)[number];
/** What no test waits for. */
type RareCounter = Exclude<ObjectEvent | AlarmEvent | GuardEvent, Counter> | "message recalled";
export type LedgerEvent = Counter | RareCounter;

/** How often each thing happened in one world. */
export class LedgerCounters {
  readonly counts = new Map<string, number>();

  #isClosed = false;

  readonly note = (what: LedgerEvent, times = 1): void => {
    if (times > 0 && !this.#isClosed) this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  };

  /** What happens from now on does not count. */
  close(): void {
    this.#isClosed = true;
  }
}
