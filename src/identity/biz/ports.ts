import type { AuditLine, AuditView } from "../../contracts/audit.ts";
import type { AccountState, IdentityOverview, PublicJwk, RevokedSession } from "../../contracts/identity.ts";
import type { Role } from "../../contracts/permissions.ts";
import type { RateLimit } from "../../resilience/quota/rate-limit.ts";

/**
 * What the rules of identity need from outside. `data/` implements each; a failed store throws
 * `UNAVAILABLE`.
 */

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly roles: readonly Role[];
  readonly createdAtMs: number;
  /** Says which operator's secret was last applied to it; absent or null where none was. */
  readonly operatorDigest?: string | null;
  /** The cell that has their history; absent or null: `main`. */
  readonly cell?: string | null;
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
  /** Where their history is to be erased; null: in `main`. */
  readonly cell: string | null;
  readonly knownHash: string;
  readonly nowMs: number;
  /** When the erasure of the history is due again, should the first attempt be lost. */
  readonly retryAtMs: number;
  /** The e-mail whose next login would make a new admin; null if there is none. */
  readonly operatorEmail: string | null;
}

export interface RoleChange {
  readonly userId: string;
  readonly roles: readonly Role[];
  readonly audit: AuditLine;
}

/** The present secret takes the place of the password that an account has. */
export interface SecretApplication {
  readonly userId: string;
  /** What was found: whoever changes either in between wins. */
  readonly knownHash: string;
  readonly knownDigest: string;
  /** A hash that no password has. */
  readonly newHash: string;
  readonly newDigest: string;
  readonly audit: AuditLine;
}

/** The hash of the secret for an account that has none. */
export interface SecretHash {
  readonly userId: string;
  readonly knownHash: string;
  /**
   * The account's digest when its secret was found to be the present one: isolates with another
   * secret may have applied theirs since.
   */
  readonly knownDigest: string | null;
  readonly newHash: string;
  readonly newDigest: string;
}

export interface DigestChange {
  readonly userId: string;
  readonly knownHash: string;
  readonly knownDigest: string | null;
  readonly newDigest: string;
}

export interface AccountStore {
  byEmail(email: string): Promise<Account | null>;
  byId(userId: string): Promise<Account | null>;
  /** Null where there never was such an account. */
  state(userId: string): Promise<AccountState | null>;
  /** Adds an account, and notes that its cell has users; false where the e-mail is taken. */
  add(account: Account): Promise<boolean>;
  /**
   * Replaces the password and ends all other sessions; false where account or password are no
   * longer the known ones.
   */
  changePassword(change: PasswordChange): Promise<boolean>;
  /**
   * Replaces the hash by one that no password has and ends all sessions, audited; false where hash
   * or digest are no longer the known ones.
   */
  applySecret(application: SecretApplication): Promise<boolean>;
  /**
   * Notes which secret the account's password is; nothing where hash or digest are no longer the
   * known ones.
   */
  noteDigest(change: DigestChange): Promise<void>;
  /**
   * Gives the account the secret's hash in the place of the known one; false where it has another,
   * or is another secret's by now.
   */
  replaceHash(change: SecretHash): Promise<boolean>;
  /**
   * Replaces the roles and ends all sessions, audited. Null where there is no such user; nothing is
   * done where nobody would be admin any more.
   */
  setRoles(change: RoleChange): Promise<Account | "last admin" | null>;
  /**
   * Removes the account and ends its sessions, leaving an erasure to be done; `changed` where the
   * hash isn't the known one.
   */
  erase(erasure: AccountErasure): Promise<"erased" | "changed" | "last admin">;
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
  /**
   * Throws `RATE_LIMITED` where too many were wrong, with the true wait; `UNAVAILABLE` where that
   * can't be known.
   */
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
  /**
   * The device that a token names, if it is one for this account with this password. Null for
   * anything else, after the same work where there is no account.
   */
  read(token: string | undefined, account: Account | null): Promise<KnownDevice | null>;
  /** A token for that device, or for one that is new. */
  issue(account: Account, device: KnownDevice | null): Promise<string>;
}

/** What a refresh token is made of, beside the worker's secret. */
export interface RefreshTokenOf {
  readonly sessionId: string;
  /** Its number within the session: 0 at the login, one more at each trade. */
  readonly generation: number;
  /** Which of the worker's secrets makes it. */
  readonly keyId: string;
  /** Random bytes that the session keeps. */
  readonly seed: string;
}

/** What a token says of itself; one of our secrets has marked it. */
export interface PresentedToken extends Omit<RefreshTokenOf, "seed"> {
  /** Whether the session that keeps this seed was given it. Compares in constant time. */
  readonly isOf: (seed: string) => boolean;
}

/** Makes refresh tokens and reads them. The same parts make the same token. */
export interface RefreshTokens {
  /** The secret that makes tokens now. */
  readonly keyId: string;
  newSeed(): string;
  /** Null where that secret isn't given. */
  make(token: RefreshTokenOf): string | null;
  /**
   * Null where none of the secrets has marked it, `opaque` for one of the kind before, which says
   * nothing of itself.
   */
  read(token: string): PresentedToken | "opaque" | null;
}

export interface NewSession {
  readonly sessionId: string;
  readonly userId: string;
  /** The hash the password was checked against: no session for one that has been changed since. */
  readonly knownHash: string;
  readonly seed: string;
  readonly keyId: string;
  readonly nowMs: number;
  readonly expiresAtMs: number;
}

interface TradeTerms {
  /** Which of the worker's secrets makes the successor. */
  readonly nextKeyId: string;
  readonly nowMs: number;
  /** Until when the session lives unless it is refreshed again. */
  readonly expiresAtMs: number;
  /** How old a session may get, however often it is refreshed. */
  readonly ageMsMax: number;
  /** How long after a trade the same token is given the same successor. */
  readonly leewayMs: number;
}

export interface Rotation extends TradeTerms {
  readonly sessionId: string;
  readonly generation: number;
  readonly keyId: string;
  /** How often one session may be refreshed. */
  readonly limit: RateLimit;
}

/** A token of the kind before, for the session's first of this one. */
export interface Exchange extends TradeTerms {
  readonly presentedHash: string;
  readonly seed: string;
}

/**
 * What came of a presented token. One that is refused is unknown, expired, of a dead session or
 * was used before; only a traded one is spent, and `next` is what it was first traded for.
 */
export type Trade =
  | { readonly kind: "traded"; readonly subject: SessionSubject; readonly next: RefreshTokenOf }
  | { readonly kind: "too often"; readonly retryAfterMs: number; readonly seed: string }
  | { readonly kind: "refused" };

/** A session as a new access token must state it. */
export interface SessionSubject {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly Role[];
  /** The user's home cell; absent: `main`. */
  readonly cell?: string;
}

export interface SessionStore {
  /**
   * The roles at the moment the session came to be; null where account or password are no longer
   * the known ones.
   */
  open(session: NewSession): Promise<readonly Role[] | null>;
  /**
   * Trades a token for the next one. The one just before the newest is given that again within the
   * leeway; any other that was used ends its session.
   */
  rotate(rotation: Rotation): Promise<Trade>;
  /** The same for a token of the kind before. */
  exchange(exchange: Exchange): Promise<Trade>;
  /** Ends a session of the user if it still runs; false where the account is gone. */
  end(userId: string, sessionId: string, nowMs: number): Promise<boolean>;
  /**
   * Sessions with `revokedAtMs >= sinceMs` in the order of their revocation, each with a time of
   * its own.
   */
  revokedSince(sinceMs: number, limit: number): Promise<readonly RevokedSession[]>;
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
  /** Null where no operator is set. */
  readonly email: string | null;
  /**
   * The present secret's, to be kept with the account. Keyed: whoever has stolen the table can't
   * guess by it.
   */
  readonly digest: string;
  /**
   * What a kept digest says of the present secret. `unknown` where its key is not given any more:
   * it says nothing then.
   */
  compare(digest: string): "same" | "other" | "unknown";
}

/** Randomness and digests. */
export interface SecretSource {
  /** A UUIDv7. */
  newId(): string;
  /** Of a refresh token of the kind before, as the table has it. */
  digest(refreshToken: string): Promise<string>;
}

/** Whose history is to be erased, and in which cell; null: in `main`. */
export interface UserToErase {
  readonly userId: string;
  readonly cell: string | null;
}

export interface DueErasure extends UserToErase {
  readonly attempts: number;
}

export interface ErasureStore {
  /** Erasures whose next attempt is due, oldest first. */
  due(nowMs: number, limit: number): Promise<readonly DueErasure[]>;
  /** Takes one attempt for the caller and sets the next; false where somebody else took it. */
  claim(erasure: DueErasure, nowMs: number, nextAtMs: number): Promise<boolean>;
  done(userId: string, nowMs: number): Promise<void>;
  /** @param nextAtMs - when it is due again, where that isn't when the attempt's claim has said */
  failed(userId: string, reason: string, nextAtMs?: number): Promise<void>;
}

/** Forgets a user's history. Idempotent. */
export type EraseHistory = (user: UserToErase) => Promise<void>;

export interface CellStore {
  /** The cells, beside `main`, that have or had users. */
  inUse(): Promise<readonly string[]>;
}

/** Looks over everything that is stored. */
export interface Overview {
  count(nowMs: number): Promise<IdentityOverview>;
  /** Whether the store answers: one cheap question. Throws where it doesn't. */
  ping(): Promise<void>;
}

/** Something that grows, and whose old part goes. */
export interface Retention {
  readonly what: string;
  /** Deletes some of what is too old, in bounded statements. Answers whether there may be more. */
  readonly prune: (nowMs: number) => Promise<boolean>;
}

/** The audit trail, newest first. */
export interface AuditTrail {
  list(limit: number, before: string | null): Promise<readonly AuditView[]>;
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
  readonly audit: AuditLine;
}

/** A key in the place of keys that nobody can open. */
export interface ReplacementKey extends NextKey {
  /** The newest key that was found: of several who replace it at once one wins. */
  readonly newestKid: string;
  /** No key may have been made within this time, in ms. */
  readonly spacingMs: number;
}

/** A key that is to verify no more, and the one that comes in its place. */
export interface DistrustedKey extends Omit<NextKey, "liveMax"> {
  readonly kid: string;
}

/**
 * Keys in the table. Whichever is added is behind all others by its `signsFromMs`, and they are
 * retired in the same batch.
 */
export interface SigningKeyStore {
  /** Keys that still verify, by the time they start to sign. */
  live(nowMs: number): Promise<readonly SigningKeyRecord[]>;
  /** Adds the key unless there is one already, whoever made it. */
  addFirst(key: SigningKeyRecord): Promise<void>;
  /** Adds a successor, audited; false where `liveMax` keys live already. */
  addNext(next: NextKey): Promise<boolean>;
  /**
   * The same in an emergency; false also where somebody was faster, or has made a key a moment ago.
   */
  replace(replacement: ReplacementKey): Promise<boolean>;
  /**
   * Ends a key on every clock and adds another, audited. `over` where it had ended long ago:
   * nothing is added then.
   */
  distrust(distrusted: DistrustedKey): Promise<"distrusted" | "over" | "unknown">;
}

export interface AccessClaims extends SessionSubject {
  readonly issuedAtMs: number;
}

/** Signs with one certain key. */
export type AccessTokenSigner = (claims: AccessClaims) => Promise<string>;

/** Makes keys and keeps their private halves sealed. */
export interface KeyVault {
  generate(kid: string): Promise<{ readonly publicJwk: PublicJwk; readonly sealedPrivateKey: string }>;
  /** Null where the key was sealed under a secret that isn't given. */
  open(key: SigningKeyRecord): Promise<AccessTokenSigner | null>;
}
