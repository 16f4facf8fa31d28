import { CodedError } from "../../contracts/errors.ts";
import type { TokenGrant } from "../../contracts/identity.ts";
import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { RateLimit } from "../../resilience/quota/rate-limit.ts";
import type { KeyRing } from "./key-ring.ts";
import { SESSION_TTL_MS } from "./lifetimes.ts";
import type { AccessTokenSigner, Account, SecretSource, SessionStore, SessionSubject } from "./ports.ts";

export interface SessionsDeps {
  readonly store: Pick<SessionStore, "open" | "rotate" | "end">;
  readonly keys: Pick<KeyRing, "signer">;
  readonly secrets: SecretSource;
  /** How old a session may get, however often it is refreshed: the var `SESSION_AGE_MS_MAX`. */
  readonly ageMsMax: number;
  /** How often one session may be refreshed. */
  readonly refreshLimit: RateLimit;
  readonly now: Clock;
}

/**
 * Sessions and their refresh tokens: a family in which each token works once, and dies whole when
 * one is presented twice.
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
    const { store, keys, secrets, ageMsMax, now } = this.#deps;
    const sign = await keys.signer();
    const refreshToken = secrets.newRefreshToken();
    const sessionId = secrets.newId();
    const refreshHash = await secrets.digest(refreshToken);
    const nowMs = now();
    const roles = await store.open({
      sessionId,
      userId: account.id,
      knownHash: account.passwordHash,
      refreshHash,
      nowMs,
      expiresAtMs: nowMs + Math.min(SESSION_TTL_MS, ageMsMax),
    });
    return roles === null ? null : grant(sign, { userId: account.id, sessionId, roles }, refreshToken, nowMs);
  }

  /**
   * Trades a refresh token, once. Throws `UNAUTHENTICATED` for one that is unknown, expired, of a
   * dead session or used before, and `RATE_LIMITED`, with the token as good as it was, where its
   * session has been refreshed too often.
   */
  async refresh(presented: string): Promise<TokenGrant> {
    const { store, keys, secrets, ageMsMax, refreshLimit: limit, now } = this.#deps;
    const sign = await keys.signer();
    const refreshToken = secrets.newRefreshToken();
    const [presentedHash, nextHash] = await Promise.all([
      secrets.digest(presented),
      secrets.digest(refreshToken),
    ]);
    const nowMs = now();
    const attemptId = secrets.newId();
    const trade = await store.rotate({
      presentedHash,
      nextHash,
      attemptId,
      nowMs,
      expiresAtMs: nowMs + SESSION_TTL_MS,
      ageMsMax,
      limit,
    });
    if (trade.kind === "traded") return grant(sign, trade.subject, refreshToken, nowMs);
    if (trade.kind === "refused") throw invalid("The refresh token is not valid; sign in again");
    throw new CodedError("RATE_LIMITED", "The session is refreshed too often: see Retry-After", {
      retryAfterMs: trade.retryAfterMs,
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
