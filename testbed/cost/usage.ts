/** Every meter the platform bills by, in the order in which they are told. */
export const METERS = {
  workerRequests: "Worker requests",
  cpuMs: "Worker CPU, ms",
  objectRequests: "object requests",
  objectGigabyteSeconds: "object memory, GB-s",
  objectRowsWritten: "object rows written",
  objectRowsRead: "object rows read",
  d1RowsWritten: "D1 rows written",
  d1RowsRead: "D1 rows read",
  queueOperations: "queue operations",
  logEvents: "log events (until 2026-12-01)",
  spans: "trace spans (until 2026-12-01)",
  observedGigabytes: "logs and spans, GB (from 2026-12-01)",
} as const;

export type Meter = keyof typeof METERS;

/** What has been used, by meter. */
export type Usage = Readonly<Record<Meter, number>>;

export const METER_NAMES = Object.keys(METERS) as readonly Meter[];

/** A usage whose every meter is what `of` says. */
export function usageOf(of: (meter: Meter) => number): Usage {
  return Object.fromEntries(METER_NAMES.map((meter) => [meter, of(meter)])) as Record<Meter, number>;
}

/** The usage of one of `count` that have used it together. Throws `RangeError` for none. */
export function usagePerOne(usage: Usage, count: number): Usage {
  if (!(count > 0)) throw new RangeError(`count must be above 0, was ${count}`);
  return usageOf((meter) => usage[meter] / count);
}

/** What `usage` has beyond `other`. */
export function usageBeyond(usage: Usage, other: Usage): Usage {
  return usageOf((meter) => usage[meter] - other[meter]);
}
