import { METER_NAMES, usageOf, type Meter, type Usage } from "./usage.ts";

/** Dollars for one million units of each meter. */
export type Prices = Usage;

export interface Bill {
  /** Dollars a million, by meter. */
  readonly byMeter: Readonly<Record<Meter, number>>;
  /** All of them, with the dearer of the two prices of logs and spans. */
  readonly total: number;
}

/**
 * Logs and spans are billed by the event until 2026-12-01 and by volume from then on, never by
 * both: what is quoted holds before and after.
 */
const BY_EVENT: readonly Meter[] = ["logEvents", "spans"];
const BY_VOLUME: readonly Meter[] = ["observedGigabytes"];

/** What a million of something costs, of which one uses `usage`. Nothing included is taken off. */
export function billOf(usage: Usage, prices: Prices): Bill {
  const byMeter = usageOf((meter) => usage[meter] * prices[meter]);
  const sum = (meters: readonly Meter[]): number =>
    meters.reduce((dollars, meter) => dollars + byMeter[meter], 0);
  const observed = Math.max(sum(BY_EVENT), sum(BY_VOLUME));
  const others = METER_NAMES.filter((meter) => !BY_EVENT.includes(meter) && !BY_VOLUME.includes(meter));
  return { byMeter, total: sum(others) + observed };
}
