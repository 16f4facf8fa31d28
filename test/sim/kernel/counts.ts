/** How often each thing happened. */
export type Counts = ReadonlyMap<string, number>;

/** Adds up what several worlds counted. */
export function addCounts(sum: Map<string, number>, counts: Counts): void {
  for (const [what, times] of counts) sum.set(what, (sum.get(what) ?? 0) + times);
}
