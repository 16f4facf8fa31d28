/**
 * Whose signal fires when the caller hangs up: a request, so that it is made only to be listened
 * to.
 */
export interface HangUp {
  readonly signal: AbortSignal;
}

/** How long the caller waits, and whether that is less than usual. */
export interface Patience {
  /** When the caller's time is up, ms since the epoch; infinity where nobody waits. */
  readonly deadlineAtMs: number;
  /**
   * The client asked for less time than its route has, and it shows: what is late then need not be
   * ill. Absent means no, also where a worker of an older version passed the call on.
   */
  readonly isHurried?: boolean;
  /**
   * Its signal fires when the client has hung up, where the runtime tells that; from then on no
   * code after an `await` of its request runs.
   */
  readonly hangUp?: HangUp;
  /**
   * Nobody waits for the call, and the next one of its kind may be minutes away: where an upstream
   * is left alone it asks whether it may be the one to find out, and waits for the answer. False if
   * absent.
   */
  readonly isBackground?: boolean;
}

/** Of work that nobody waits for. */
export const ENDLESS: Patience = { deadlineAtMs: Number.POSITIVE_INFINITY, isBackground: true };
