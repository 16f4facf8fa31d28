/** How much of a reconciliation is done at once. Times are from the beginning. */
export interface Round {
  /** Until when it looks at what is too young to be passed, in ms. */
  readonly newestUntilMs: number;
  readonly accountsUntilMs: number;
  /** Until when it passes what is old enough, in ms. */
  readonly passUntilMs: number;
  /**
   * Steps over transfers, each of which asks both ledgers, and over the accounts of each. A worker
   * may make a thousand calls.
   */
  readonly stepsMax: { readonly transfers: number; readonly accounts: number };
  /** Whether it goes around all accounts from wherever it begins, or ends with the last one. */
  readonly goesRound: boolean;
  /** Accounts are walked when the last walk over all of them ended so long ago, in ms. */
  readonly accountsEveryMs: number;
}

const stepsMax = { transfers: 300, accounts: 120 } as const;

/**
 * Somebody waits for it: that leaves time for a second look within an operator's twenty seconds.
 */
export const ASKED_FOR: Round = {
  newestUntilMs: 2_000,
  accountsUntilMs: 4_000,
  passUntilMs: 7_000,
  stepsMax,
  goesRound: true,
  accountsEveryMs: 0,
};

/**
 * Nobody does, and in a minute it comes again: what is young will be passed soon, and need not be
 * looked at each time.
 */
export const BY_ITSELF: Round = {
  newestUntilMs: 0,
  accountsUntilMs: 12_000,
  passUntilMs: 35_000,
  stepsMax,
  goesRound: false,
  accountsEveryMs: 86_400_000,
};
