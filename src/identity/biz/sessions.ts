import { CodedError } from "../../contracts/errors.ts";
import type { TokenGrant } from "../../contracts/identity.ts";
import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { RateLimit } from "../../resilience/quota/rate-limit.ts";
import type { KeyRing } from "./key-ring.ts";
import { SESSION_TTL_MS } from "./lifetimes.ts";
import type {
  AccessTokenSigner,
  Account,
  RefreshTokenOf,
  RefreshTokens,
  SecretSource,
  SessionStore,
  SessionSubject,
  Trade,
} from "./ports.ts";

export interface SessionsDeps {
  readonly store: Pick<SessionStore, "open" | "rotate" | "exchange" | "end">;
  readonly keys: Pick<KeyRing, "signer">;
  readonly secrets: SecretSource;
  readonly tokens: RefreshTokens;
  /** How old a session may get, however often it is refreshed: the var `SESSION_AGE_MS_MAX`. */
  readonly ageMsMax: number;
  /** How often one session may be refreshed. */
  readonly refreshLimit: RateLimit;
  /**
   * How long after a trade the same token is given the same successor: the var `REFRESH_LEEWAY_MS`.
   */
  readonly leewayMs: number;
  readonly now: Clock;
}

const REFUSED: Trade = { kind: "refused" };
/** A changed secret has reached all isolates by then. */
const SECRET_RETRY_MS = 1_000;

/**
 * Sessions and their refresh tokens: a family in which each token has one successor, and which
 * dies whole when one is presented again that is older than the newest but one, or later than the
 * leeway.
 */
export class Sessions {
  readonly #deps: SessionsDeps;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /**
   * A new session of an account whose password was just checked; null where account or password
   * changed in that moment.
   */
  async open(account: Account): Promise<TokenGrant | null> {
    const { store, keys, secrets, tokens, ageMsMax, now } = this.#deps;
    const sign = await keys.signer();
    const sessionId = secrets.newId();
    const { keyId } = tokens;
    const seed = tokens.newSeed();
    const nowMs = now();
    const roles = await store.open({
      sessionId,
      userId: account.id,
      knownHash: account.passwordHash,
      seed,
      keyId,
      nowMs,
      expiresAtMs: nowMs + Math.min(SESSION_TTL_MS, ageMsMax),
    });
    if (roles === null) return null;
    const first = this.#token({ sessionId, generation: 0, keyId, seed });
    const home = typeof account.cell === "string" ? { cell: account.cell } : {};
    return grant(sign, { userId: account.id, sessionId, roles, ...home }, first, nowMs);
  }

  /**
   * Trades a refresh token; a moment later, for the same successor again. Throws `UNAUTHENTICATED`
   * for one that is unknown, expired, of a dead session or was used before, and `RATE_LIMITED`,
   * with the token as good as it was, where its session has been refreshed too often.
   */
  async refresh(presented: string): Promise<TokenGrant> {
    const sign = await this.#deps.keys.signer();
    const { trade, nowMs } = await this.#trade(presented);
    if (trade.kind === "traded") return grant(sign, trade.subject, this.#token(trade.next), nowMs);
    if (trade.kind === "refused") throw invalid("The refresh token is not valid; sign in again");
    throw new CodedError("RATE_LIMITED", "The session is refreshed too often: see Retry-After", {
      retryAfterMs: trade.retryAfterMs,
    });
  }

  async #trade(text: string): Promise<{ readonly trade: Trade; readonly nowMs: number }> {
    const { store, secrets, tokens, ageMsMax, leewayMs, refreshLimit: limit, now } = this.#deps;
    const presented = tokens.read(text);
    const presentedHash = presented === "opaque" ? await secrets.digest(text) : "";
    const nowMs = now();
    const expiresAtMs = nowMs + SESSION_TTL_MS;
    const terms = { nextKeyId: tokens.keyId, nowMs, expiresAtMs, ageMsMax, leewayMs };
    if (presented === null) return { trade: REFUSED, nowMs };
    if (presented === "opaque")
      return { trade: await store.exchange({ ...terms, presentedHash, seed: tokens.newSeed() }), nowMs };
    const { isOf, ...named } = presented;
    const trade = await store.rotate({ ...terms, ...named, limit });
    if (trade.kind === "refused") return { trade, nowMs };
    return { trade: isOf(trade.kind === "traded" ? trade.next.seed : trade.seed) ? trade : REFUSED, nowMs };
  }

  /**
   * Throws `UNAVAILABLE` where it was traded by an isolate whose secrets this one hasn't got yet:
   * it can't tell the same successor, and must tell no other.
   */
  #token(token: RefreshTokenOf): string {
    const text = this.#deps.tokens.make(token);
    if (text !== null) return text;
    throw new CodedError("UNAVAILABLE", "The refresh token was traded under another secret", {
      retryAfterMs: SECRET_RETRY_MS,
    });
  }

  /**
   * Ends a session. Ending one that has ended is fine. Throws `UNAUTHENTICATED` where the account
   * is gone.
   */
  async end(userId: string, sessionId: string): Promise<void> {
    const known = await this.#deps.store.end(userId, sessionId, this.#deps.now());
    if (!known) throw invalid("The account is gone");
  }
}

function invalid(message: string): CodedError {
  return new CodedError("UNAUTHENTICATED", message, { tokenFault: "invalid_token" });
}

/**
 * The token's time is that of the write which found the session alive, not of its signing: a
 * revocation that follows the write then outlives each token it is meant for.
 */
async function grant(
  sign: AccessTokenSigner,
  subject: SessionSubject,
  refreshToken: string,
  issuedAtMs: number,
): Promise<TokenGrant> {
  return {
    accessToken: await sign({ ...subject, issuedAtMs }),
    tokenType: "Bearer",
    expiresIn: ACCESS_TOKEN_TTL_MS / 1000,
    refreshToken,
    userId: subject.userId,
    roles: subject.roles,
  };
}
