/**
 * How people watch, as the trace has it: docs/design/cost.md has the same in a table. Assumed, and
 * fixed, so that figures of two releases can be compared.
 */
export const VIEWING = {
  heartbeatMs: 10_000,
  /** Half of the sessions are shorter than this; the deviation is that of the logarithm. */
  sessionMedianMs: 25 * 60_000,
  sessionSigma: 0.8,
  sessionMsMin: 60_000,
  sessionMsMax: 120 * 60_000,
  /** Between two pauses on average, and the length of which half of the pauses are shorter. */
  pauseEveryMs: 12 * 60_000,
  pauseMedianMs: 45_000,
  pauseSigma: 1,
  pauseMsMax: 30 * 60_000,
  /** Between two seeks on average; those back go so far on average, those forward likewise. */
  seekEveryMs: 6 * 60_000,
  seekBackShare: 0.6,
  seekMeanMs: 60_000,
  /** Items, the chance of the n-th as 1/n, and how many of them are tracks of audio. */
  items: 5_000,
  itemsExponent: 1,
  audioShare: 0.25,
  videoMs: [22 * 60_000, 45 * 60_000, 100 * 60_000],
  audioMs: [4 * 60_000, 30 * 60_000],
  /** Begun where it was left, somewhere in the item. */
  resumedShare: 0.4,
  /** What follows an item that has ended. */
  nextItemShare: 0.7,
  /** Of viewers: a second device at the same time, and of these on the same item. */
  twoDevicesShare: 0.1,
  sameItemShare: 0.5,
  /** Of viewers: phones that are offline on their way, and how long they are either, on average. */
  offlineShare: 0.1,
  offlineMeanMs: 20 * 60_000,
  onlineMeanMs: 8 * 60_000,
  /** What a phone sends of what it has kept, one such call a second. */
  batchMax: 100,
  batchEveryMs: 1_000,
} as const;
