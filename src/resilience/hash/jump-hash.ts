import { murmur3 } from "./murmur3.ts";

const MULTIPLIER = 2862933555777941757n;
const BUCKETS_MAX = 1 << 20;

/**
 * Jump consistent hash (Lamping & Veach, 2014): which of `buckets` buckets a key belongs to.
 * Growing from n to n + 1 buckets moves 1/(n + 1) of the keys, all of them to the new bucket.
 *
 * @param key - 64 bits, well spread
 * @param buckets - an integer in [1, 2^20]
 */
export function jumpHash(key: bigint, buckets: number): number {
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > BUCKETS_MAX) {
    throw new RangeError(`buckets must be an integer in [1, ${BUCKETS_MAX}], got ${buckets}`);
  }
  let state = BigInt.asUintN(64, key);
  let bucket = -1;
  let jump = 0;
  while (jump < buckets) {
    bucket = jump;
    state = BigInt.asUintN(64, state * MULTIPLIER + 1n);
    jump = Math.floor((bucket + 1) * (2 ** 31 / (Number(state >> 33n) + 1)));
  }
  return bucket;
}

/**
 * The 64-bit key of a string: two murmur3 lanes with fixed seeds. Stored mappings depend on it, so
 * it never changes.
 */
export function jumpKey(text: string): bigint {
  return (BigInt(murmur3(text, 0x9747b28c)) << 32n) | BigInt(murmur3(text, 0x3c6ef372));
}
