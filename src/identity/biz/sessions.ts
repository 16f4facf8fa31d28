import { CodedError } from "../../contracts/errors.ts";
import type { TokenGrant } from "../../contracts/identity.ts";
import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { KeyRing } from "./key-ring.ts";
import { SESSION_TTL_MS } from "./lifetimes.ts";
import type { AccessTokenSigner } from "./key-ports.ts";
import type { Account, SecretSource, SessionStore, SessionSubject } from "./ports.ts";

export interface SessionsDeps {
  readonly store: SessionStore;
  readonly keys: Pick<KeyRing, "signer">;
  readonly secrets: SecretSource;
  readonly now: Clock;
}

/** Sessions and their refresh tokens: a family in which each token works once, and dies whole when one is presented twice. */
export class Sessions {
  readonly #deps: SessionsDeps;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /** A new session of an account whose password was just checked; null where account or password changed in that moment. */
  async open(account: Account): Promise<TokenGrant | null> {
    const { store, keys, secrets, now } = this.#deps;
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
      expiresAtMs: nowMs + SESSION_TTL_MS,
    });
    return roles === null ? null : grant(sign, { userId: account.id, sessionId, roles }, refreshToken, nowMs);
  }

  /** Trades a refresh token, once. Throws `UNAUTHENTICATED` for one that is unknown, expired, of a dead session or used before. */
  async refresh(presented: string): Promise<TokenGrant> {
    const { store, keys, secrets, now } = this.#deps;
    const sign = await keys.signer();
    const refreshToken = secrets.newRefreshToken();
    const [presentedHash, nextHash] = await Promise.all([secrets.digest(presented), secrets.digest(refreshToken)]);
    const nowMs = now();
    const subject = await store.rotate({ presentedHash, nextHash, attemptId: secrets.newId(), nowMs, expiresAtMs: nowMs + SESSION_TTL_MS });
    if (subject === null) throw new CodedError("UNAUTHENTICATED", "The refresh token is not valid; sign in again");
    return grant(sign, subject, refreshToken, nowMs);
  }

  /** Ends a session. Ending one that has ended is fine. Throws `UNAUTHENTICATED` where the account is gone. */
  async end(userId: string, sessionId: string): Promise<void> {
    const known = await this.#deps.store.end(userId, sessionId, this.#deps.now());
    if (!known) throw new CodedError("UNAUTHENTICATED", "The account is gone");
  }
}

/**
 * The token's time is that of the write which found the session alive, not of its signing: a revocation that follows the write then
 * outlives each token it is meant for.
 */
async function grant(sign: AccessTokenSigner, subject: SessionSubject, refreshToken: string, issuedAtMs: number): Promise<TokenGrant> {
  return {
    accessToken: await sign({ ...subject, issuedAtMs }),
    tokenType: "Bearer",
    expiresIn: ACCESS_TOKEN_TTL_MS / 1000,
    refreshToken,
    userId: subject.userId,
    roles: subject.roles,
  };
}
