import { murmur3 } from "../../resilience/hash/murmur3.ts";

/**
 * Users are spread over this many buckets for good; what changes is which database holds a bucket.
 * Releases before had a sixteenth of them: a bucket of theirs is every 1,024th of these.
 */
export const BUCKETS = 16_384;
/** Users' data lives where it leads, so it never changes. */
export const BUCKET_SEED = 0x51ed270b;

/** The bucket of a user. It never changes, so adding a database rehashes nobody. */
export function bucketOf(userId: string): number {
  return murmur3(userId, BUCKET_SEED) % BUCKETS;
}
