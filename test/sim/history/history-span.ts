import type { FaultName } from "./history-known-faults.ts";

const SHORT_MS = 120_000;
/** How long everything goes wrong in a long world; how often is said for that time. */
export const LONG_MS = 600_000;
/** One world of so many is long. Odd, so that two threads have as many of them each. */
const LONG_EVERY = 9;
/** Leases that double take their time. */
const NEED_LONG: FaultName = "resends-without-backoff";

/** How long everything goes wrong in a seed's world, in ms: most are short. */
export function troubleMsOf(seed: number, faults: ReadonlySet<FaultName>): number {
  return seed % LONG_EVERY === 0 || faults.has(NEED_LONG) ? LONG_MS : SHORT_MS;
}
