import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { PublicJwk } from "../../contracts/identity.ts";
import { spendingCapError } from "../database/platform-errors.ts";
import { BoundedCache } from "../../resilience/bounded-cache.ts";
import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import { SHARED_LIFE_MS } from "./trust-cache.ts";
import type { TrustPage } from "./trust-page.ts";
import { PULL_TIMEOUT_MS, TrustSource, type Reading, type TrustSourceDeps } from "./trust-source.ts";

export interface TrustStoreDeps extends TrustSourceDeps {
  readonly now: Clock;
  /** Hears of pulls that failed. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Below this age nothing is asked; up to the next it is refreshed beside the requests. Together
 * they keep a revoked token's life under 15 s.
 */
const FRESH_MS = 4_000;
const STALE_MS = 10_000;
/** Up to this age an isolate leaves the question to another one that has just begun to ask. */
const PATIENT_MS = STALE_MS - 2_000;
/** So long it is left to them before one looks again. */
const CLAIMED_MS = 500;
/**
 * Those who take a page at the same time don't all find it gone at the same time: up to so much
 * later they look again, each by its own luck.
 */
const SPREAD_MS = 1_000;
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
type Pulling = Pick<Reading, "mayLeaveIt" | "mustAsk">;
interface Waiting extends Pick<Pulling, "mustAsk"> {
  readonly inBackground?: (work: Promise<void>) => void;
}

/**
 * Whom a worker believes: identity's public keys and the sessions that are revoked. Pulled in the
 * background by the traffic itself. Where identity can't be reached, the last word holds: tokens
 * live ten minutes at most, and an outage of identity must not end playback.
 *
 * Ages are measured on a steady clock: one reading far ahead must not make the last pull look fresh
 * for as long.
 *
 * A pull belongs to the request that started it (a stateless worker may not share promises between
 * requests); others look whether it has arrived.
 */
export class TrustStore {
  readonly #deps: TrustStoreDeps;
  readonly #source: TrustSource;
  readonly #time = new SteadyTime(STALE_MS);
  readonly #revoked: BoundedCache<true>;
  readonly #missed: BoundedCache<true>;
  #keys: readonly PublicJwk[] = [];
  #sinceMs = 0;
  #pulledAtMs = Number.NEGATIVE_INFINITY;
  #lookAgainAtMs = Number.NEGATIVE_INFINITY;
  #pullingSinceMs: number | null = null;
  /** When the last page came. */
  #heardAtMs = Number.NEGATIVE_INFINITY;
  /** Which of the questions to identity was answered last. */
  #heard = 0;
  /** Under which host the worker was last reached when a pull was due. */
  #host: string | null = null;
  /** The last pull went well and was not enough. */
  #isHalfRead = false;
  #missPulledAtMs = Number.NEGATIVE_INFINITY;
  /**
   * A pull that failed is no reason for the next: neither its own request nor the crowd that waited
   * for it asks again at once.
   */
  #failedAtMs = Number.NEGATIVE_INFINITY;
  /** Why the last pull failed; null where it didn't. */
  #failure: unknown = null;

  constructor(deps: TrustStoreDeps) {
    this.#deps = deps;
    this.#source = new TrustSource(deps);
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
   * answer need not wait for; `request` tells under which host we were reached, and is asked only
   * where something is due.
   */
  ensureFresh(
    inBackground: (work: Promise<void>) => void,
    request?: { readonly url: string },
  ): Promise<void> | undefined {
    const nowMs = this.#nowMs();
    const ageMs = nowMs - this.#pulledAtMs;
    if (ageMs < STALE_MS && nowMs < this.#lookAgainAtMs) return undefined;
    if (request !== undefined) this.#host = URL.parse(request.url)?.host ?? null;
    if (ageMs >= STALE_MS) return this.#pullOrWait({ inBackground });
    if (this.#pullingSinceMs === null) inBackground(this.#pull({ mayLeaveIt: ageMs < PATIENT_MS }));
    return undefined;
  }

  /**
   * Which of these sessions are known to have ended, by a word that is no older than `maxAgeMs`, or
   * the last one where identity can't be reached.
   */
  async ended(sessionIds: readonly string[], maxAgeMs: number): Promise<readonly string[]> {
    const nowMs = this.#nowMs();
    const isResting = nowMs - this.#failedAtMs < FAILURE_REST_MS;
    if (nowMs - this.#pulledAtMs > maxAgeMs && !isResting) await this.#pullOrWait({ mustAsk: true });
    return sessionIds.filter((sessionId) => this.isRevoked(sessionId));
  }

  /** What those are told who need what isn't known: why it can't be had, and when to come back. */
  notToBeHad(what: string): CodedError {
    return (
      spendingCapError(this.#failure, what) ??
      new CodedError("UNAVAILABLE", what, { retryAfterMs: KEY_MISS_SPACING_MS })
    );
  }

  /**
   * The key of that id, which may be younger than the last pull; undefined where identity has none.
   * Throws `UNAVAILABLE`, or `SPENDING_CAP`, where it can't be asked now: the token may be good,
   * and its client should keep it.
   */
  async keyOf(kid: string): Promise<PublicJwk | undefined> {
    const known = this.#known(kid);
    if (known !== undefined || this.#missed.get(kid) === true) return known;
    const askedBefore = this.#source.asked;
    // What is under way may have been read before the key was made: it can bring the key, and can't
    // say that there is none.
    if (this.#pullingSinceMs !== null) await this.#pullOrWait();
    if (this.#known(kid) === undefined && this.#heard <= askedBefore) await this.#pullForMiss();
    const found = this.#known(kid);
    if (found !== undefined) return found;
    if (this.#heard <= askedBefore) {
      throw this.notToBeHad("The token's key cannot be looked up now");
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
    await this.#pullOrWait({ mustAsk: true });
  }

  #known(kid: string): PublicJwk | undefined {
    return this.#keys.find((key) => key.kid === kid);
  }

  async #pullOrWait({ inBackground, mustAsk = false }: Waiting = {}): Promise<void> {
    const startedAtMs = this.#nowMs();
    if (this.#pullingSinceMs === null || startedAtMs - this.#pullingSinceMs >= PULL_TIMEOUT_MS) {
      await this.#pull({ mustAsk });
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
  async #pull(how: Pulling = {}): Promise<void> {
    const startedAtMs = this.#nowMs();
    this.#pullingSinceMs = startedAtMs;
    if (startedAtMs - this.#heardAtMs >= ANEW_AFTER_MS) this.#sinceMs = 0;
    this.#isHalfRead = false;
    try {
      const read = await this.#source.read({
        ...how,
        knownMs: this.#sinceMs,
        host: this.#host,
        onPage: () => {
          this.#pullingSinceMs = this.#nowMs();
        },
        take: (page, knownMs, number) => this.#take(page, knownMs, number),
      });
      const spreadMs = SPREAD_MS * (this.#deps.shared?.random() ?? 0);
      if (read === "left to another") this.#lookAgainAtMs = this.#nowMs() + CLAIMED_MS;
      this.#isHalfRead = read === "half";
      if (read !== "asked" && read !== "shared") return;
      // No clock is asked how old a shared page is: it is taken for as old as it can be.
      this.#pulledAtMs = read === "shared" ? startedAtMs - SHARED_LIFE_MS : startedAtMs;
      this.#lookAgainAtMs = startedAtMs + (read === "shared" ? SHARED_LIFE_MS + spreadMs : FRESH_MS);
    } catch (error) {
      this.#failedAtMs = this.#nowMs();
      this.#failure = error;
      this.#deps.onFailure(error);
      // Asking again at every request would add load to a service that is down: the last word holds
      // for a little longer.
      if (this.#keys.length > 0) this.#pulledAtMs = startedAtMs - FRESH_MS + FAILURE_REST_MS;
      this.#lookAgainAtMs = startedAtMs + FAILURE_REST_MS;
    } finally {
      this.#pullingSinceMs = null;
    }
  }

  #take({ keys, revoked }: TrustPage, knownMs: number, number: number | null): void {
    this.#keys = keys;
    this.#failure = null;
    this.#sinceMs = knownMs;
    if (number !== null) this.#heard = number;
    this.#heardAtMs = this.#nowMs();
    const untilMs = this.#heardAtMs + REVOKED_MS;
    for (const sessionId of revoked) this.#revoked.set(sessionId, true, untilMs);
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }
}
