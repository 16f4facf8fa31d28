import * as z from "zod";
import type { AuditView, AuditPage } from "./audit.ts";
import type { CallContext } from "./call-context.ts";
import { ROLES, type Role } from "./permissions.ts";

/** E-mail addresses are case-folded before anything else looks at them. */
const emailSchema = z.string().trim().toLowerCase().max(254).pipe(z.email());
const newPasswordSchema = z.string().min(10).max(200);
/** Whether the secret `ADMIN_PASSWORD` may be so: as any new password. */
export const isOperatorPassword = (password: string): boolean =>
  newPasswordSchema.safeParse(password).success;
export const OPERATOR_PASSWORD_RULE = "must have 10 to 200 characters";
/**
 * A password that is only compared: its length limit bounds the work, nothing else is asked of it.
 */
const presentedPasswordSchema = z.string().min(1).max(200);

export const registerSchema = z.object({ email: emailSchema, password: newPasswordSchema });
/**
 * Of an earlier login. One that is not as it should be is that of an unknown device, and no reason
 * to refuse anybody.
 */
const deviceTokenSchema = z.string().max(1_024).optional().catch(undefined);
export const loginSchema = z.object({
  email: z.string().trim().toLowerCase().min(1).max(254),
  password: presentedPasswordSchema,
  deviceToken: deviceTokenSchema,
});
export const refreshSchema = z.object({ refreshToken: z.string().min(1).max(256) });
export const changePasswordSchema = z.object({
  password: presentedPasswordSchema,
  newPassword: newPasswordSchema,
});
export const eraseAccountSchema = z.object({ password: presentedPasswordSchema });
/** Strict: a misspelt `distrust` would let a leaked key go on. */
export const rotateKeysSchema = z.strictObject({ distrust: z.string().min(1).max(64).optional() });
export const kidSchema = rotateKeysSchema.shape.distrust.unwrap();
export const setRolesSchema = z.object({ roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length) });
/** As it is stored, however it was written: an id is compared in lower case. */
export const userIdSchema = z.uuid().toLowerCase();
/** What is inside of those, where it travels alone. */
export const refreshTokenSchema = refreshSchema.shape.refreshToken;
export const passwordSchema = eraseAccountSchema.shape.password;
export const rolesSchema = setRolesSchema.shape.roles;
export const sinceMsSchema = z.int().min(0);

export type RegisterInput = z.infer<typeof registerSchema>;
export type LoginInput = z.infer<typeof loginSchema>;
export type ChangePasswordInput = z.infer<typeof changePasswordSchema>;

/** Answer of login and refresh, as the client sees it. `expiresIn` is in seconds (RFC 6749). */
export interface TokenGrant {
  readonly accessToken: string;
  readonly tokenType: "Bearer";
  readonly expiresIn: number;
  readonly refreshToken: string;
  readonly userId: string;
  readonly roles: readonly Role[];
}

/**
 * Answer of login. `deviceToken` is the device's own: given to the next login, it lets it in where
 * strangers are refused.
 */
export interface LoginGrant extends TokenGrant {
  readonly deviceToken: string;
}

export interface Profile {
  readonly userId: string;
  readonly email: string;
  readonly roles: readonly Role[];
  readonly createdAt: number;
}

/**
 * What the account BFF may ask of identity (entrypoint `Accounts`). Methods that act on "me" take
 * the user from `ctx.principal` and throw `UNAUTHENTICATED` where there is none or the account is
 * gone.
 */
export interface IdentityAccounts {
  /** Throws `CONFLICT` if the e-mail is taken or reserved for the operator. */
  register(ctx: CallContext, input: RegisterInput): Promise<{ readonly userId: string }>;
  /**
   * Throws `UNAUTHENTICATED`, after the same work whether or not the e-mail exists; `RATE_LIMITED`
   * where too many have failed; `OVERLOADED`, as all that hashes a password, where too many wait.
   */
  login(ctx: CallContext, input: LoginInput): Promise<LoginGrant>;
  /**
   * Trades a refresh token. Presented again it has the same successor for `REFRESH_LEEWAY_MS`, and
   * then revokes its family. Throws `UNAUTHENTICATED`, and `RATE_LIMITED` where the session is
   * refreshed too often: the token is as good as before then. An `UNAVAILABLE` with `retryAfterMs`
   * has spent nothing either; one without it may have.
   */
  refresh(ctx: CallContext, refreshToken: string): Promise<TokenGrant>;
  logout(ctx: CallContext): Promise<void>;
  /**
   * Ends all other sessions. Throws `UNAUTHENTICATED` if the present password is wrong,
   * `RATE_LIMITED` if it was too often in this session.
   */
  changePassword(ctx: CallContext, input: ChangePasswordInput): Promise<void>;
  me(ctx: CallContext): Promise<Profile>;
  /**
   * Erases credentials and sessions now, history as soon as it can be reached. Throws as a password
   * change does, and `CONFLICT` for the last admin where no operator could sign in anew.
   */
  erase(ctx: CallContext, password: string): Promise<void>;
  ready(ctx: CallContext): Promise<void>;
}

/** A public Ed25519 key as RFC 8037 writes it. */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

export interface RevokedSession {
  readonly sessionId: string;
  readonly revokedAtMs: number;
}

export interface TrustSnapshot {
  /** Keys that sign now, will sign soon, or have signed tokens that still live. */
  readonly keys: readonly PublicJwk[];
  /**
   * Sessions revoked at or after `sinceMs`, oldest first, as many as an answer has at most.
   */
  readonly revoked: readonly RevokedSession[];
  /**
   * Ask with this `sinceMs` next time. It overlaps a little, so that no clock skew between isolates
   * loses a session.
   */
  readonly nextSinceMs: number;
  /** Whether more than one answer's worth is waiting: pull again at once. */
  readonly more: boolean;
}

/** What the gateway may ask of identity (entrypoint `Trust`): whom to believe. */
export interface IdentityTrust {
  snapshot(ctx: CallContext, sinceMs: number): Promise<TrustSnapshot>;
}

/**
 * What the ops BFF may ask of identity (entrypoint `Operations`); each change is written to the
 * audit table.
 */
export interface IdentityOperations {
  /**
   * Replaces the roles of a user and revokes all of their sessions. Throws `NOT_FOUND`, `CONFLICT`
   * where no admin would be left.
   */
  setRoles(ctx: CallContext, userId: string, roles: readonly Role[]): Promise<Profile>;
  /** Whether there is such an account; `erased` where there was one, null where there never was. */
  accountState(ctx: CallContext, userId: string): Promise<AccountState | null>;
  /** Adds a key that signs after every gateway has had time to learn it. */
  rotateKeys(ctx: CallContext): Promise<{ readonly kid: string; readonly signsFromMs: number }>;
  /**
   * Adds a key as a rotation does, and ends the given one at once, with all tokens it has signed. A
   * method of its own: an older identity must not take it for a rotation. Throws `NOT_FOUND`.
   */
  distrustKey(ctx: CallContext, kid: string): Promise<{ readonly kid: string; readonly signsFromMs: number }>;
  /** The audit trail, newest first. */
  audit(ctx: CallContext, page: AuditPage): Promise<readonly AuditView[]>;
  overview(ctx: CallContext): Promise<IdentityOverview>;
  ready(ctx: CallContext): Promise<void>;
}

export type AccountState = "open" | "erased";

export interface IdentityOverview {
  readonly accounts: number;
  readonly activeSessions: number;
  readonly erasuresPending: number;
  readonly signingKeys: number;
}
