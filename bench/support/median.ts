/**
 * The middle of an odd number of values, the mean of the two middle ones of an even number. Throws
 * for none.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError("the median of nothing was asked for");
  return (upper + lower) / 2;
}
