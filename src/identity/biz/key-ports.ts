import type { PublicJwk } from "../../contracts/identity.ts";
import type { AuditEntry, SessionSubject } from "./ports.ts";

/** What the rules of signing keys need from outside; see `ports.ts`. */

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
