import { ACCESS_TOKEN_TTL_MS } from "../contracts/internal-request.ts";
import { CodedError } from "../contracts/errors.ts";
import type { PublicJwk, TrustSnapshot } from "../contracts/identity.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
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

/**
 * Below this age nothing is asked; up to the next it is refreshed beside the requests. Together
 * they keep a revoked token's life under 15 s.
 */
const FRESH_MS = 4_000;
const STALE_MS = 10_000;
/**
 * A pull that takes longer is given up by those who wait for it. Longer than the guard waits for
 * identity: it must see for itself that there is no answer.
 */
const PULL_TIMEOUT_MS = CALL_TIMEOUT_MS.trustPull;
/** After a failed pull the last word holds for this long before identity is asked again. */
const FAILURE_REST_MS = 1_000;
const POLL_MS = 10;
/**
 * An unknown key id makes the store ask again, but not more often than this, however many ids are
 * made up; and what was not found is not looked for again meanwhile.
 */
const KEY_MISS_SPACING_MS = 1_000;
const MISSES_MAX = 1_000;
const REVOKED_MAX = 100_000;
/**
 * From when it is learned, on this clock: no token of the session is good for longer, though clocks
 * differ by minutes.
 */
const REVOKED_MS = 2 * ACCESS_TOKEN_TTL_MS;
/**
 * After this long without a pull what is known of revocations may have expired, or the clock have
 * jumped: everything is asked for again.
 */
const ANEW_AFTER_MS = ACCESS_TOKEN_TTL_MS;
/**
 * What one request asks for at most. Where that was not all, the list goes on being read beside it,
 * and counts as unread until its end.
 */
const PAGES_PER_PULL_MAX = 20;

/**
 * Whom the gateway believes: identity's public keys and the sessions that are revoked. Pulled in
 * the background by the traffic itself. Where identity can't be reached, the last word holds:
 * tokens live ten minutes at most, and an outage of identity must not end playback.
 *
 * Ages are measured on a steady clock: one reading far ahead must not make the last pull look fresh
 * for as long.
 *
 * A pull belongs to the request that started it (a stateless worker may not share promises between
 * requests); others look whether it has arrived.
 */
export class TrustStore {
  readonly #deps: TrustStoreDeps;
  readonly #time = new SteadyTime(STALE_MS);
  readonly #revoked: BoundedCache<true>;
  readonly #missed: BoundedCache<true>;
  #keys: readonly PublicJwk[] = [];
  #sinceMs = 0;
  #pulledAtMs = Number.NEGATIVE_INFINITY;
  #pullingSinceMs: number | null = null;
  /** When the last page came. */
  #heardAtMs = Number.NEGATIVE_INFINITY;
  /** How many pages were asked for, and which of them came last. */
  #asked = 0;
  #heard = 0;
  /** The last pull went well and was not enough. */
  #isHalfRead = false;
  #missPulledAtMs = Number.NEGATIVE_INFINITY;
  /**
   * A pull that failed is no reason for the next: neither its own request nor the crowd that waited
   * for it asks again at once.
   */
  #failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: TrustStoreDeps) {
    this.#deps = deps;
    this.#revoked = new BoundedCache({ entriesMax: REVOKED_MAX, now: () => this.#nowMs() });
    this.#missed = new BoundedCache({ entriesMax: MISSES_MAX, now: () => this.#nowMs() });
  }

  get keys(): readonly PublicJwk[] {
    return this.#keys;
  }

  isRevoked(sessionId: string): boolean {
    return this.#revoked.get(sessionId) === true;
  }

  /**
   * Whether tokens of this key count now. One that is gone has been distrusted, or its last token
   * has expired.
   */
  hasKey(kid: string): boolean {
    return this.#keys.some((key) => key.kid === kid);
  }

  /**
   * Makes sure that what is known is young enough to decide by. `inBackground` takes work that the
   * answer need not wait for.
   */
  ensureFresh(inBackground: (work: Promise<void>) => void): Promise<void> | undefined {
    const ageMs = this.#nowMs() - this.#pulledAtMs;
    if (ageMs < FRESH_MS) return undefined;
    if (ageMs >= STALE_MS) return this.#pullOrWait(inBackground);
    if (this.#pullingSinceMs === null) inBackground(this.#pull());
    return undefined;
  }

  /**
   * The key of that id, which may be younger than the last pull; undefined where identity has none.
   * Throws `UNAVAILABLE` where it can't be asked now: the token may be good, and its client should
   * keep it.
   */
  async keyOf(kid: string): Promise<PublicJwk | undefined> {
    const known = this.#known(kid);
    if (known !== undefined || this.#missed.get(kid) === true) return known;
    const askedBefore = this.#asked;
    // What is under way may have been read before the key was made: it can bring the key, and can't
    // say that there is none.
    if (this.#pullingSinceMs !== null) await this.#pullOrWait();
    if (this.#known(kid) === undefined && this.#heard <= askedBefore) await this.#pullForMiss();
    const found = this.#known(kid);
    if (found !== undefined) return found;
    if (this.#heard <= askedBefore) {
      throw new CodedError("UNAVAILABLE", "The token's key cannot be looked up now", {
        retryAfterMs: KEY_MISS_SPACING_MS,
      });
    }
    this.#missed.set(kid, true, this.#nowMs() + KEY_MISS_SPACING_MS);
    return undefined;
  }

  /** Asks for a key that isn't known, or waits for whoever does, where that is due. */
  async #pullForMiss(): Promise<void> {
    const nowMs = this.#nowMs();
    if (this.#pullingSinceMs === null) {
      if (nowMs - this.#missPulledAtMs < KEY_MISS_SPACING_MS || nowMs - this.#failedAtMs < FAILURE_REST_MS)
        return;
      this.#missPulledAtMs = nowMs;
    }
    await this.#pullOrWait();
  }

  #known(kid: string): PublicJwk | undefined {
    return this.#keys.find((key) => key.kid === kid);
  }

  async #pullOrWait(inBackground?: (work: Promise<void>) => void): Promise<void> {
    const startedAtMs = this.#nowMs();
    if (this.#pullingSinceMs === null || startedAtMs - this.#pullingSinceMs >= PULL_TIMEOUT_MS) {
      await this.#pull();
      if (this.#isHalfRead && this.#pullingSinceMs === null) inBackground?.(this.#pull());
      return;
    }
    while (this.#pullingSinceMs !== null && this.#nowMs() - startedAtMs < PULL_TIMEOUT_MS)
      await this.#deps.sleep(POLL_MS);
  }

  /**
   * Reads on where the last pull ended. Where that is not the end of the list, what is known stays
   * as old as it was.
   */
  async #pull(): Promise<void> {
    const startedAtMs = this.#nowMs();
    this.#pullingSinceMs = startedAtMs;
    if (startedAtMs - this.#heardAtMs >= ANEW_AFTER_MS) this.#sinceMs = 0;
    this.#isHalfRead = false;
    try {
      let more = true;
      for (let page = 0; more && page < PAGES_PER_PULL_MAX; page += 1) {
        this.#pullingSinceMs = this.#nowMs();
        const number = (this.#asked += 1);
        const snapshot = await this.#withTimeout(this.#deps.pull(this.#sinceMs));
        this.#take(snapshot, number);
        more = snapshot.more;
      }
      this.#isHalfRead = more;
      if (!more) this.#pulledAtMs = startedAtMs;
    } catch (error) {
      this.#failedAtMs = this.#nowMs();
      this.#deps.onFailure(error);
      // Asking again at every request would add load to a service that is down: the last word holds
      // for a little longer.
      if (this.#keys.length > 0) this.#pulledAtMs = startedAtMs - FRESH_MS + FAILURE_REST_MS;
    } finally {
      this.#pullingSinceMs = null;
    }
  }

  /**
   * An identity that hangs is treated as one that fails: the waiting request has a deadline to
   * keep.
   */
  async #withTimeout(pull: Promise<TrustSnapshot>): Promise<TrustSnapshot> {
    const late = this.#deps.sleep(PULL_TIMEOUT_MS).then(() => null);
    const snapshot = await Promise.race([pull, late]);
    if (snapshot === null) throw new Error(`identity gave no answer within ${PULL_TIMEOUT_MS} ms`);
    return snapshot;
  }

  #take(snapshot: TrustSnapshot, number: number): void {
    this.#keys = snapshot.keys;
    this.#sinceMs = snapshot.nextSinceMs;
    this.#heard = number;
    this.#heardAtMs = this.#nowMs();
    const untilMs = this.#heardAtMs + REVOKED_MS;
    for (const { sessionId } of snapshot.revoked) this.#revoked.set(sessionId, true, untilMs);
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }
}
