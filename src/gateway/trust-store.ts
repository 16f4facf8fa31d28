import { ACCESS_TOKEN_TTL_MS } from "../contracts/internal-request.ts";
import type { PublicJwk, TrustSnapshot } from "../contracts/identity.ts";
import { CALL_QUOTA_MS } from "../platform/call-quotas.ts";
import { BoundedCache } from "../resilience/bounded-cache.ts";
import type { Clock } from "../resilience/clock.ts";
import { SteadyTime } from "../resilience/steady-time.ts";

export interface TrustStoreDeps {
  /** Asks identity for keys and for sessions revoked since. */
  readonly pull: (sinceMs: number) => Promise<TrustSnapshot>;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  /** Hears of pulls that failed. */
  readonly onFailure: (error: unknown) => void;
}

/** Below this age nothing is asked; up to the next it is refreshed beside the requests. Together they keep a revoked token's life under 15 s. */
const FRESH_MS = 4_000;
const STALE_MS = 10_000;
/** A pull that takes longer is given up by those who wait for it. Longer than the guard waits for identity: it must see for itself that there is no answer. */
const PULL_PATIENCE_MS = CALL_QUOTA_MS.trustPull;
/** After a failed pull the last word holds for this long before identity is asked again. */
const FAILURE_REST_MS = 1_000;
const POLL_MS = 10;
/** An unknown key id makes the store ask again, but not more often than this. */
const KEY_MISS_SPACING_MS = 1_000;
const REVOKED_MAX = 100_000;
/** From when it is learned, on this clock: no token of the session is good for longer, though clocks differ by minutes. */
const REVOKED_MS = 2 * ACCESS_TOKEN_TTL_MS;
/** After this long without a pull what is known of revocations may have expired, or the clock have jumped: everything is asked for again. */
const ANEW_AFTER_MS = ACCESS_TOKEN_TTL_MS;
const PAGES_PER_PULL_MAX = 20;

/**
 * Whom the gateway believes: identity's public keys and the sessions that are revoked. Pulled in the background by the traffic itself.
 * Where identity can't be reached, the last word holds: tokens live ten minutes at most, and an outage of identity must not end playback.
 *
 * Ages are measured on a steady clock: one reading far ahead must not make the last pull look fresh for as long.
 *
 * A pull belongs to the request that started it (a stateless worker may not share promises between requests); others look whether
 * it has arrived.
 */
export class TrustStore {
  readonly #deps: TrustStoreDeps;
  readonly #time = new SteadyTime(STALE_MS);
  readonly #revoked: BoundedCache<true>;
  #keys: readonly PublicJwk[] = [];
  #sinceMs = 0;
  #pulledAtMs = Number.NEGATIVE_INFINITY;
  #pullingSinceMs: number | null = null;

  constructor(deps: TrustStoreDeps) {
    this.#deps = deps;
    this.#revoked = new BoundedCache({ entriesMax: REVOKED_MAX, now: () => this.#nowMs() });
  }

  get keys(): readonly PublicJwk[] {
    return this.#keys;
  }

  isRevoked(sessionId: string): boolean {
    return this.#revoked.get(sessionId) === true;
  }

  /** Makes sure that what is known is young enough to decide by. `inBackground` takes work that the answer need not wait for. */
  ensureFresh(inBackground: (work: Promise<void>) => void): Promise<void> | undefined {
    const ageMs = this.#nowMs() - this.#pulledAtMs;
    if (ageMs < FRESH_MS) return undefined;
    if (ageMs >= STALE_MS) return this.#pullOrWait();
    if (this.#pullingSinceMs === null) inBackground(this.#pull());
    return undefined;
  }

  /** Looks for a key that was not among the known ones: it may be younger than the last pull. */
  async keyOf(kid: string): Promise<PublicJwk | undefined> {
    const known = this.#keys.find((key) => key.kid === kid);
    if (known !== undefined || this.#nowMs() - this.#pulledAtMs < KEY_MISS_SPACING_MS) return known;
    await this.#pullOrWait();
    return this.#keys.find((key) => key.kid === kid);
  }

  async #pullOrWait(): Promise<void> {
    const startedAtMs = this.#nowMs();
    if (this.#pullingSinceMs === null || startedAtMs - this.#pullingSinceMs >= PULL_PATIENCE_MS) return this.#pull();
    while (this.#pullingSinceMs !== null && this.#nowMs() - startedAtMs < PULL_PATIENCE_MS) await this.#deps.sleep(POLL_MS);
  }

  async #pull(): Promise<void> {
    const startedAtMs = this.#nowMs();
    this.#pullingSinceMs = startedAtMs;
    if (startedAtMs - this.#pulledAtMs >= ANEW_AFTER_MS) this.#sinceMs = 0;
    try {
      for (let page = 0; page < PAGES_PER_PULL_MAX; page += 1) {
        const snapshot = await this.#inTime(this.#deps.pull(this.#sinceMs));
        this.#take(snapshot);
        if (!snapshot.more) break;
      }
      this.#pulledAtMs = startedAtMs;
    } catch (error) {
      this.#deps.onFailure(error);
      // Asking again at every request would add load to a service that is down: the last word holds for a little longer.
      if (this.#keys.length > 0) this.#pulledAtMs = startedAtMs - FRESH_MS + FAILURE_REST_MS;
    } finally {
      this.#pullingSinceMs = null;
    }
  }

  /** An identity that hangs is as good as one that fails: whoever waits for it has a budget to keep. */
  async #inTime(pull: Promise<TrustSnapshot>): Promise<TrustSnapshot> {
    const late = this.#deps.sleep(PULL_PATIENCE_MS).then(() => null);
    const snapshot = await Promise.race([pull, late]);
    if (snapshot === null) throw new Error(`identity gave no answer within ${PULL_PATIENCE_MS} ms`);
    return snapshot;
  }

  #take(snapshot: TrustSnapshot): void {
    this.#keys = snapshot.keys;
    this.#sinceMs = snapshot.nextSinceMs;
    const untilMs = this.#nowMs() + REVOKED_MS;
    for (const { sessionId } of snapshot.revoked) this.#revoked.set(sessionId, true, untilMs);
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }
}
