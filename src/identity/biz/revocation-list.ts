import type { RevokedSession } from "../../contracts/identity.ts";
import { REVOCATIONS_PER_PULL_MAX } from "../../contracts/revocations-per-pull.ts";
import type { Clock } from "../../resilience/clock.ts";
import { REVOCATION_OVERLAP_MS, REVOCATION_RELEVANT_MS } from "./lifetimes.ts";
import type { SessionStore } from "./ports.ts";

export interface RevocationPage {
  readonly revoked: readonly RevokedSession[];
  readonly nextSinceMs: number;
  readonly more: boolean;
}

/**
 * One pull of the revocation list. The store gives each revocation a time of its own, rising in the
 * order of commits, so the list is a log: a full page ends at a time no other session has, and the
 * next one starts right behind it. A page that is not full reaches back a little next time, as the
 * contract says; where the last revocation is long ago there is nothing to reach back for. The
 * position comes from what was read, not from this clock, so that a write which was slow to commit
 * is not passed by.
 */
export async function pullRevocations(
  store: Pick<SessionStore, "revokedSince">,
  now: Clock,
  sinceMs: number,
): Promise<RevocationPage> {
  const nowMs = now();
  const relevantFromMs = nowMs - REVOCATION_RELEVANT_MS;
  const found = await store.revokedSince(Math.max(sinceMs, relevantFromMs), REVOCATIONS_PER_PULL_MAX + 1);
  const revoked = found.slice(0, REVOCATIONS_PER_PULL_MAX);
  const last = revoked.at(-1);
  const behindLastMs = last === undefined ? sinceMs : last.revokedAtMs + 1;
  if (found.length > revoked.length) return { revoked, nextSinceMs: behindLastMs, more: true };
  return {
    revoked,
    nextSinceMs: Math.max(0, Math.min(behindLastMs, nowMs - REVOCATION_OVERLAP_MS)),
    more: false,
  };
}
