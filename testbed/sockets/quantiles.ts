export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Throws for none: what nobody got has no time. */
export function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  if (sorted.length === 0) throw new RangeError("nothing has arrived");
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
