import { payloadHash } from "./payload-hash.ts";

/** What both ledgers know an idempotency key by. */
export function digestOfKey(key: string): string {
  return payloadHash(["key", key]);
}

/** How a digest lies beside plain keys of an earlier release, none of which has a space in it. */
export function storedAs(digest: string): string {
  return ` ${digest}`;
}

/** The digest of a key as it is stored, whichever release stored it. */
export function digestIn(storedKey: string): string {
  return storedKey.startsWith(" ") ? storedKey.slice(1) : digestOfKey(storedKey);
}

/**
 * In SQL: the form in which a key or a payload's hash is written. As the release before writes it
 * while that, which knows no other, may still answer. What it is held against is `:nowMs`.
 */
export function formToWrite<Digest extends string, Before extends string>(digest: Digest, before: Before) {
  return `CASE WHEN (SELECT since FROM key_digests) <= :nowMs THEN ${digest} ELSE ${before} END` as const;
}
