import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { PublicJwk } from "../../contracts/identity.ts";
import type { Role } from "../../contracts/permissions.ts";

/**
 * The tables of migrations/identity, as queries see them. A test holds them against the migrated
 * database.
 */

export const account = sqliteTable("account", {
  id: text("id").primaryKey(),
  email: text("email").notNull().unique(),
  passwordHash: text("password_hash").notNull(),
  roles: text("roles", { mode: "json" }).$type<readonly Role[]>().notNull(),
  createdAtMs: integer("created_at").notNull(),
  operatorDigest: text("operator_digest"),
  cell: text("cell"),
});

export const session = sqliteTable("session", {
  id: text("id").primaryKey(),
  accountId: text("account_id").notNull(),
  createdAtMs: integer("created_at").notNull(),
  expiresAtMs: integer("expires_at").notNull(),
  revokedAtMs: integer("revoked_at"),
  revokeReason: text("revoke_reason"),
  tokenSeed: text("token_seed"),
  tokenKid: text("token_kid"),
  tradedKid: text("traded_kid"),
  generation: integer("generation"),
  rotatedAtMs: integer("rotated_at"),
  rotations: text("rotations"),
});

export const refreshToken = sqliteTable("refresh_token", {
  hash: text("hash").primaryKey(),
  sessionId: text("session_id").notNull(),
  issuedAtMs: integer("issued_at").notNull(),
  expiresAtMs: integer("expires_at").notNull(),
  usedAtMs: integer("used_at"),
  usedBy: text("used_by"),
});

export const signingKey = sqliteTable("signing_key", {
  kid: text("kid").primaryKey(),
  publicJwk: text("public_jwk", { mode: "json" }).$type<PublicJwk>().notNull(),
  sealedPrivateKey: text("sealed_private_key").notNull(),
  createdAtMs: integer("created_at").notNull(),
  signsFromMs: integer("signs_from").notNull(),
  verifyUntilMs: integer("verify_until"),
});

export const erasure = sqliteTable("erasure", {
  userId: text("user_id").primaryKey(),
  requestedAtMs: integer("requested_at").notNull(),
  attempts: integer("attempts").notNull(),
  nextAtMs: integer("next_at").notNull(),
  doneAtMs: integer("done_at"),
  lastError: text("last_error"),
  cell: text("cell"),
});

export const cell = sqliteTable("cell", {
  name: text("name").primaryKey(),
  firstUserAtMs: integer("first_user_at").notNull(),
});

export const audit = sqliteTable("audit", {
  id: text("id").primaryKey(),
  atMs: integer("at").notNull(),
  actor: text("actor").notNull(),
  action: text("action").notNull(),
  target: text("target").notNull(),
  detail: text("detail").notNull(),
});
