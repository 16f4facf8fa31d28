import type { AuditView } from "../../contracts/audit.ts";
import type { AccountState, IdentityOverview, PublicJwk, RevokedSession } from "../../contracts/identity.ts";
import type { Role } from "../../contracts/permissions.ts";
import type { RateLimit } from "../../resilience/rate-limit.ts";

/** What the rules of identity need from outside. `data/` implements each; a failed store throws `UNAVAILABLE`. */

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly roles: readonly Role[];
  readonly createdAtMs: number;
}

export interface PasswordChange {
  readonly userId: string;
  /** The hash the present password was checked against: whoever changes it in between wins. */
  readonly knownHash: string;
  readonly newHash: string;
  /** The one session that goes on. */
  readonly keepSessionId: string;
  readonly nowMs: number;
}

export interface AccountErasure {
  readonly userId: string;
  readonly knownHash: string;
  readonly nowMs: number;
  /** When the erasure of the history is due again, should the first attempt be lost. */
  readonly retryAtMs: number;
}

export interface AuditEntry {
  readonly id: string;
  readonly atMs: number;
  readonly actor: string;
}

export interface RoleChange {
  readonly userId: string;
  readonly roles: readonly Role[];
  readonly audit: AuditEntry;
}

export interface AccountStore {
  byEmail(email: string): Promise<Account | null>;
  byId(userId: string): Promise<Account | null>;
  /** Null where there never was such an account. */
  state(userId: string): Promise<AccountState | null>;
  /** False where the e-mail is taken. */
  add(account: Account): Promise<boolean>;
  /** Replaces the password and ends all other sessions; false where account or password are no longer the known ones. */
  changePassword(change: PasswordChange): Promise<boolean>;
  /** Replaces the roles and ends all sessions, audited; null where there is no such user. */
  setRoles(change: RoleChange): Promise<Account | null>;
  /** Removes the account and ends its sessions, leaving an erasure to be done; false as for a password change. */
  erase(erasure: AccountErasure): Promise<boolean>;
}

/** One login under way, already counted as failed. */
export interface LoginAttempt {
  /** The password was right: it doesn't count. */
  succeeded(): void;
}

export interface LoginAttempts {
  /** Throws `RATE_LIMITED` where too many have failed for this e-mail, or for it from this address; `UNAVAILABLE` where that can't be known. */
  begin(email: string, clientAddress: string): Promise<LoginAttempt>;
}

export interface NewSession {
  readonly sessionId: string;
  readonly userId: string;
  /** The hash the password was checked against: no session for one that has been changed since. */
  readonly knownHash: string;
  readonly refreshHash: string;
  readonly nowMs: number;
  readonly expiresAtMs: number;
}

export interface Rotation {
  readonly presentedHash: string;
  readonly nextHash: string;
  /** Unique to this attempt: of two that present the same token only one finds its own name on it. */
  readonly attemptId: string;
  readonly nowMs: number;
  /** Until when the session lives unless it is refreshed again. */
  readonly expiresAtMs: number;
  /** How old a session may get, however often it is refreshed. */
  readonly ageMsMax: number;
  /** How often one session may be refreshed. */
  readonly limit: RateLimit;
}

/** What came of a presented token. One that is refused is unknown, expired, of a dead session or used before; only a traded one is spent. */
export type Trade =
  | { readonly kind: "traded"; readonly subject: SessionSubject }
  | { readonly kind: "too often"; readonly retryAfterMs: number }
  | { readonly kind: "refused" };

/** A session as a new access token must state it. */
export interface SessionSubject {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly Role[];
}

export interface SessionStore {
  /** The roles at the moment the session came to be; null where account or password are no longer the known ones. */
  open(session: NewSession): Promise<readonly Role[] | null>;
  /** Trades a token for the next one. One that was used before ends its session. */
  rotate(rotation: Rotation): Promise<Trade>;
  /** Ends a session of the user if it still runs; false where the account is gone. */
  end(userId: string, sessionId: string, nowMs: number): Promise<boolean>;
  /** Sessions with `revokedAtMs >= sinceMs` in the order of their revocation, each with a time of its own. */
  revokedSince(sinceMs: number, limit: number): Promise<readonly RevokedSession[]>;
}

export interface SigningKeyRecord {
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  readonly sealedPrivateKey: string;
  readonly createdAtMs: number;
  readonly signsFromMs: number;
  /** Null while no successor is known. */
  readonly verifyUntilMs: number | null;
}

export interface NextKey {
  readonly key: SigningKeyRecord;
  /** Until when the keys before it verify. */
  readonly othersVerifyUntilMs: number;
  readonly liveMax: number;
  readonly audit: AuditEntry;
}

export interface SigningKeyStore {
  /** Keys that still verify, by the time they start to sign. */
  live(nowMs: number): Promise<readonly SigningKeyRecord[]>;
  /** Adds the key unless there is one already, whoever made it. */
  addFirst(key: SigningKeyRecord): Promise<void>;
  /** Adds a successor, audited; false where `liveMax` keys live already. */
  addNext(next: NextKey): Promise<boolean>;
}

export interface AccessClaims extends SessionSubject {
  readonly issuedAtMs: number;
}

/** Signs with one certain key. */
export type AccessTokenSigner = (claims: AccessClaims) => Promise<string>;

/** Makes keys and keeps their private halves sealed. */
export interface KeyVault {
  generate(kid: string): Promise<{ readonly publicJwk: PublicJwk; readonly sealedPrivateKey: string }>;
  open(key: SigningKeyRecord): Promise<AccessTokenSigner>;
}

export interface PasswordHasher {
  hash(password: string): Promise<string>;
  /** Does the same work for null, and answers false. */
  verify(password: string, encoded: string | null): Promise<boolean>;
}

/** The first operator, who comes from the worker's secrets. */
export interface OperatorSecret {
  isEmail(email: string): boolean;
  /** Compares in constant time; false where no operator is set. */
  matches(email: string, password: string): boolean;
}

/** Randomness and digests. */
export interface SecretSource {
  /** A UUIDv7. */
  newId(): string;
  newRefreshToken(): string;
  digest(refreshToken: string): Promise<string>;
}

export interface DueErasure {
  readonly userId: string;
  readonly attempts: number;
}

export interface ErasureStore {
  /** Erasures whose next attempt is due, oldest first. */
  due(nowMs: number, limit: number): Promise<readonly DueErasure[]>;
  /** Takes one attempt for the caller and sets the next; false where somebody else took it. */
  claim(erasure: DueErasure, nowMs: number, nextAtMs: number): Promise<boolean>;
  done(userId: string, nowMs: number): Promise<void>;
  failed(userId: string, reason: string): Promise<void>;
}

/** Forgets a user's history. Idempotent. */
export type EraseHistory = (userId: string) => Promise<void>;

export interface IdentityCounts {
  count(nowMs: number): Promise<IdentityOverview>;
}

export interface Pruning {
  /** Deletes one bounded batch of what has expired; how many rows went. */
  pruneBatch(nowMs: number): Promise<number>;
}

/** The audit trail, newest first. */
export interface AuditTrail {
  list(limit: number, before: string | null): Promise<readonly AuditView[]>;
}
