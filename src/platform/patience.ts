/** How long whoever asks will wait, and whether that is less than usual. */
export interface Patience {
  /** When the caller's time is up, ms since the epoch; infinity where nobody waits. */
  readonly deadlineAtMs: number;
  /**
   * The client asked for less time than its route has, and it shows: what is late then need not be ill. Absent means no, also where a worker
   * of an older version passed the call on.
   */
  readonly isHurried?: boolean;
  /** Fires when whoever waits has hung up, where the runtime tells that; nothing after an `await` of theirs is run from then on. */
  readonly hangUp?: AbortSignal;
}

/** Of work that nobody waits for. */
export const ENDLESS: Patience = { deadlineAtMs: Number.POSITIVE_INFINITY };
