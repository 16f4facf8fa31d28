import { jumpHash, jumpKey } from "../../resilience/hash/jump-hash.ts";

/** How many shards users are spread over, and the how-manieth mapping this is. */
export interface ShardMapping {
  /** From 1 on; 0 for a guess that nobody has confirmed. */
  readonly version: number;
  readonly shards: number;
}

/** A mapping with what else must not change under the users who are stored by it. */
export interface StoredMapping extends ShardMapping {
  /** Fingerprint of the map from buckets to databases. */
  readonly buckets: number;
}

/** What a shard answers to a caller who goes by another mapping than its own. */
export interface Elsewhere {
  readonly elsewhere: ShardMapping;
}

/** Which shard a user belongs to. */
export function shardOf(userId: string, { shards }: ShardMapping): number {
  return jumpHash(jumpKey(userId), shards);
}

export function isSameMapping(a: ShardMapping, b: ShardMapping): boolean {
  return a.version === b.version && a.shards === b.shards;
}

/** Whether an answer is none: the caller has to look elsewhere. */
export function isElsewhere(answer: unknown): answer is Elsewhere {
  return typeof answer === "object" && answer !== null && "elsewhere" in answer;
}
