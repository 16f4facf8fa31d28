import { CodedError } from "../../contracts/errors.ts";
import { murmur3 } from "../../resilience/hash/murmur3.ts";
import { runsOf, type BucketMap } from "./bucket-map.ts";
import { BUCKET_SEED, BUCKETS } from "./buckets.ts";
import type { KeptMapping, StoredMapping } from "./shard-mapping.ts";

/*
 * Releases before had 1,024 buckets, and a var said which database holds which. Their platforms
 * become ones of 16,384 without anybody moving: the hash is the same, and 16,384 is a multiple of
 * 1,024, so that a user of bucket b was in bucket b mod 1,024.
 */

export const BUCKETS_BEFORE = 1_024;
/** What the var said unless somebody had changed it. */
export const RANGES_BEFORE = "0-511=0,512-1023=1";

/** A database's number for each of the {@link BUCKETS_BEFORE} buckets. */
export type MapBefore = readonly number[];

/**
 * Reads which database holds which bucket from `first-last=database` ranges separated by commas.
 *
 * @throws RangeError unless every bucket is in exactly one range
 */
export function parseBucketRanges(text: string): MapBefore {
  const map: number[] = Array.from({ length: BUCKETS_BEFORE }, () => -1);
  for (const range of text.split(",")) {
    const match = /^\s*(\d{1,4})-(\d{1,4})=(\d{1,3})\s*$/.exec(range);
    if (match === null) throw new RangeError(`"${range}" is not of the form first-last=database`);
    const [first = 0, last = 0, database = 0] = match.slice(1).map(Number);
    if (last >= BUCKETS_BEFORE || first > last)
      throw new RangeError(`${first}-${last} must lie in 0-${BUCKETS_BEFORE - 1}, in order`);
    for (let bucket = first; bucket <= last; bucket += 1) {
      if (map[bucket] !== -1) throw new RangeError(`bucket ${bucket} is in two ranges`);
      map[bucket] = database;
    }
  }
  const missing = map.indexOf(-1);
  if (missing >= 0) throw new RangeError(`bucket ${missing} is in no range`);
  return map;
}

/** The same, read: one for all who ask, since what it becomes is remembered by it. */
export const MAP_BEFORE = parseBucketRanges(RANGES_BEFORE);

/** Tells one such map from another. It was stored with the data, so it never changes. */
export function fingerprintOf(map: readonly number[]): number {
  return murmur3(map.join(","), BUCKET_SEED);
}

/** Maps that were widened: whoever can't learn the mapping asks again and again. */
const widenedMaps = new WeakMap<MapBefore, BucketMap>();

/** The same map in buckets of today: every user stays in the database they are in. */
export function widened(before: MapBefore): BucketMap {
  let map = widenedMaps.get(before);
  if (map === undefined) widenedMaps.set(before, (map = widen(before)));
  return map;
}

function widen(before: MapBefore): BucketMap {
  const numbers = [...new Set(before)].toSorted((a, b) => a - b);
  const indexes = before.map((database) => numbers.indexOf(database));
  const databaseOfBucket = Array.from(
    { length: BUCKETS },
    (_, bucket) => indexes[bucket % BUCKETS_BEFORE] ?? 0,
  );
  return {
    version: 1,
    databases: numbers.map((number) => `HISTORY_DB_${number}`),
    runs: runsOf(databaseOfBucket),
  };
}

/**
 * A kept mapping with its map of buckets. Where the release before kept it, that is `before`, or
 * what the var said by default, whichever has the fingerprint that was kept: nothing is guessed.
 *
 * Throws `UNAVAILABLE` where neither has it.
 */
export function withMap(kept: KeptMapping, before: MapBefore | null): StoredMapping {
  if (kept.map !== undefined) return { ...kept, map: kept.map };
  for (const map of [...(before === null ? [] : [before]), MAP_BEFORE])
    if (fingerprintOf(map) === kept.buckets) return { ...kept, map: widened(map) };
  throw unknownMap();
}

export function unknownMap(): CodedError {
  return new CodedError(
    "UNAVAILABLE",
    "users are stored by a map of buckets that is not known: set HISTORY_BUCKETS as it was before",
  );
}
