import { jumpHash, jumpKey } from "../../resilience/hash/jump-hash.ts";
import type { BucketMap } from "./bucket-map.ts";

/** How many shards users are spread over, and the how-manieth mapping this is. */
export interface ShardMapping {
  /** From 1 on; 0 for a guess that nobody has confirmed. */
  readonly version: number;
  readonly shards: number;
}

/** A mapping as objects keep it, of this release or of the one before. */
export interface KeptMapping extends ShardMapping {
  /**
   * By this fingerprint objects of the release before tell whether their own map of buckets is the
   * one that users are stored by.
   */
  readonly buckets: number;
  /** Which database holds which bucket; the release before kept the fingerprint alone. */
  readonly map?: BucketMap | undefined;
}

/** A mapping that says all there is to know of where users are. */
export interface StoredMapping extends KeptMapping {
  readonly map: BucketMap;
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
