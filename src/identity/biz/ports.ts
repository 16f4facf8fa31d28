import type { AuditView } from "../../contracts/audit.ts";
import type { AccountState, IdentityOverview, PublicJwk, RevokedSession } from "../../contracts/identity.ts";
import type { Role } from "../../contracts/permissions.ts";

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

/** One look at a password, already counted as wrong. */
interface CountedLook {
  /** It was right, or nobody will know whether it was: it doesn't count. Never throws. */
  giveBack(): Promise<void>;
}

/** Wrong passwords of one kind, as they are counted for whoever presents one now. */
export interface FailureCount {
  /** Throws `RATE_LIMITED` where that is known without asking anybody. */
  refuseKnown(): void;
  /** Throws `RATE_LIMITED` where too many were wrong, with the true wait; `UNAVAILABLE` where that can't be known. */
  begin(): Promise<CountedLook>;
}

/** A device that has logged in to an account before. */
export interface KnownDevice {
  readonly userId: string;
  readonly deviceId: string;
}

export interface LoginCaller {
  readonly email: string;
  readonly clientAddress: string;
  /** Null for a stranger. */
  readonly device: KnownDevice | null;
}

export interface FailureCounts {
  /** A known device is counted by itself; when it has used that up, it is a stranger. */
  ofLogin(caller: LoginCaller): Promise<FailureCount>;
  /** Present passwords, at the doors that ask for one of somebody signed in. */
  ofSession(sessionId: string): FailureCount;
}

/** What lets a device in where strangers are refused. */
export interface DeviceTokens {
  /** The device that a token names, if it is one for this account with this password. Anything else is nobody's: null, after the same work for no account. */
  read(token: string | undefined, account: Account | null): Promise<KnownDevice | null>;
  /** A token for that device, or for one that is new. */
  issue(account: Account, device: KnownDevice | null): Promise<string>;
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
  readonly expiresAtMs: number;
}

/** A session as a new access token must state it. */
export interface SessionSubject {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly Role[];
}

export interface SessionStore {
  /** The roles at the moment the session came to be; null where account or password are no longer the known ones. */
  open(session: NewSession): Promise<readonly Role[] | null>;
  /** Trades a token for the next one; null where it may not be traded. One that was used before ends its session. */
  rotate(rotation: Rotation): Promise<SessionSubject | null>;
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
