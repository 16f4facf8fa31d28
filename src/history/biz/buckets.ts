import { murmur3 } from "../../resilience/hash/murmur3.ts";

/**
 * Users are spread over this many buckets for good; what changes is which database holds a bucket.
 */
export const BUCKETS = 1_024;
const BUCKET_SEED = 0x51ed270b;

/**
 * Tells one map of buckets from another: stored with the data, so that a changed one is noticed.
 */
export function fingerprintOf(map: readonly number[]): number {
  return murmur3(map.join(","), BUCKET_SEED);
}

/** The bucket of a user. It never changes, so adding a database rehashes nobody. */
export function bucketOf(userId: string): number {
  return murmur3(userId, BUCKET_SEED) % BUCKETS;
}

/**
 * Reads which database holds which bucket from `first-last=database` ranges separated by commas.
 *
 * @returns the database's number for each bucket
 * @throws RangeError unless every bucket is in exactly one range and every database is below
 *   `databases`
 */
export function parseBucketRanges(text: string, databases: number): readonly number[] {
  const map: number[] = Array.from({ length: BUCKETS }, () => -1);
  for (const range of text.split(",")) {
    const match = /^\s*(\d{1,4})-(\d{1,4})=(\d{1,3})\s*$/.exec(range);
    if (match === null) throw new RangeError(`"${range}" is not of the form first-last=database`);
    const [first = 0, last = 0, database = 0] = match.slice(1).map(Number);
    if (last >= BUCKETS || first > last)
      throw new RangeError(`${first}-${last} must lie in 0-${BUCKETS - 1}, in order`);
    if (database >= databases)
      throw new RangeError(`database ${database} must be below ${databases}, the number of bindings`);
    for (let bucket = first; bucket <= last; bucket += 1) {
      if (map[bucket] !== -1) throw new RangeError(`bucket ${bucket} is in two ranges`);
      map[bucket] = database;
    }
  }
  const missing = map.indexOf(-1);
  if (missing >= 0) throw new RangeError(`bucket ${missing} is in no range`);
  return map;
}
