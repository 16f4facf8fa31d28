/**
 * How long the job is trusted to confirm what it was asked to write before it is asked again, in
 * ms: the first time, and at most.
 */
export const LEASE_MS = 60_000;
export const LEASE_MS_MAX = 600_000;

/** How long the next lease is, after so many: each is twice as long as the one before. */
export function leaseMsOf(leases: number): number {
  return Math.min(LEASE_MS_MAX, LEASE_MS * 2 ** Math.max(0, leases));
}
