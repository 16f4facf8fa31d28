import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { AccountState } from "../../contracts/identity.ts";
import type {
  AccountErasure,
  AccountStore,
  DigestChange,
  PasswordChange,
  RoleChange,
  SecretApplication,
  SecretHash,
} from "../biz/ports.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/d1-call.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { account } from "./schema.ts";

const CHANGE_PASSWORD =
  "UPDATE account SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2 RETURNING id";
const END_OTHER_SESSIONS = revokeSessionsSql(
  "password",
  "account_id = ?2 AND id <> ?3 AND EXISTS (SELECT 1 FROM account WHERE id = ?2 AND password_hash = ?4)",
);

const APPLY_SECRET = `
  UPDATE account SET password_hash = ?4, operator_digest = ?5
  WHERE id = ?1 AND password_hash = ?2 AND operator_digest = ?3 RETURNING id`;
const AUDIT_SECRET = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?1, ?2, ?3, 'apply-secret', id, '{}' FROM account WHERE id = ?4 AND operator_digest = ?5 AND changes() > 0`;
const END_SESSIONS_OF_OLD_SECRET = revokeSessionsSql(
  "secret",
  "account_id = ?2 AND EXISTS (SELECT 1 FROM audit WHERE id = ?3)",
);
const NOTE_DIGEST =
  "UPDATE account SET operator_digest = ?4 WHERE id = ?1 AND password_hash = ?2 AND operator_digest IS ?3";
/**
 * By the digest too: the hash that no password has is the same under each secret. A digest may have
 * moved to the present key meanwhile.
 */
const REPLACE_HASH = `
  UPDATE account SET password_hash = ?4, operator_digest = ?5
  WHERE id = ?1 AND password_hash = ?2 AND operator_digest IN (?3, ?5) RETURNING id`;

/** Spelled as in the index on admins: otherwise the query would read all accounts. */
const isAdmin = (roles: string): string => `instr(${roles}, '"admin"') > 0`;
const anotherAdminThan = (id: string): string =>
  `EXISTS (SELECT 1 FROM account AS other WHERE ${isAdmin("other.roles")} AND other.id <> ${id})`;

/** The guard sits in the first statement, the others ask for its line. */
const AUDIT_ROLES = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?1, ?2, ?3, 'set-roles', id, json_object('from', json(roles), 'to', json(?5)) FROM account
  WHERE id = ?4 AND (${isAdmin("?5")} OR NOT ${isAdmin("roles")} OR ${anotherAdminThan("?4")}) RETURNING id`;
const SET_ROLES =
  "UPDATE account SET roles = ?2 WHERE id = ?1 AND EXISTS (SELECT 1 FROM audit WHERE id = ?3)";
const END_SESSIONS_OF_OLD_ROLES = revokeSessionsSql(
  "roles",
  "account_id = ?2 AND EXISTS (SELECT 1 FROM audit WHERE id = ?3)",
);

/**
 * An admin goes if another stays, or if the operator's secrets make one anew: their e-mail is free,
 * or is the one that goes.
 */
const DELETE_ACCOUNT = `
  DELETE FROM account WHERE id = ?1 AND password_hash = ?2 AND (
    NOT ${isAdmin("roles")} OR ${anotherAdminThan("?1")}
    OR (?3 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM account AS named WHERE named.email = ?3 AND named.id <> ?1)))
  RETURNING id`;
const STILL_FITS = "SELECT 1 FROM account WHERE id = ?1 AND password_hash = ?2";
const ADD_ERASURE = `
  INSERT INTO erasure (user_id, requested_at, attempts, next_at)
  SELECT ?1, ?2, 1, ?3 WHERE NOT EXISTS (SELECT 1 FROM account WHERE id = ?1) ON CONFLICT (user_id) DO NOTHING`;
const DELETE_TOKENS = `
  DELETE FROM refresh_token WHERE session_id IN (SELECT id FROM session WHERE account_id = ?1)
  AND NOT EXISTS (SELECT 1 FROM account WHERE id = ?1)`;
const END_SESSIONS_OF_ERASED = revokeSessionsSql(
  "erased",
  "account_id = ?2 AND NOT EXISTS (SELECT 1 FROM account WHERE id = ?2)",
);

/** An erasure is the mark that stays of an account. */
const STATE = `SELECT CASE
  WHEN EXISTS (SELECT 1 FROM account WHERE id = ?1) THEN 'open' WHEN EXISTS (SELECT 1 FROM erasure WHERE user_id = ?1) THEN 'erased' END AS state`;

/**
 * Accounts in D1. Each change is one batch whose later statements ask whether the first one held.
 */
export function d1Accounts(db: D1Database): AccountStore {
  const orm = drizzle(db);

  async function byId(userId: string) {
    const [found] = await d1Call("read an account", () =>
      orm.select().from(account).where(eq(account.id, userId)),
    );
    return found ?? null;
  }

  return {
    byId,

    async state(userId) {
      const row = await d1Call("read an account's state", () =>
        db.prepare(STATE).bind(userId).first<{ state: AccountState | null }>(),
      );
      return row?.state ?? null;
    },

    async byEmail(email) {
      const [found] = await d1Call("find an account", () =>
        orm.select().from(account).where(eq(account.email, email)),
      );
      return found ?? null;
    },

    async add(fresh) {
      const added = await d1Call("add an account", () =>
        orm
          .insert(account)
          .values(fresh)
          .onConflictDoNothing({ target: account.email })
          .returning({ id: account.id }),
      );
      return added.length > 0;
    },

    async changePassword({ userId, knownHash, newHash, keepSessionId, nowMs }: PasswordChange) {
      const results = await d1Batch("change a password", db, [
        db.prepare(CHANGE_PASSWORD).bind(userId, knownHash, newHash),
        db.prepare(END_OTHER_SESSIONS).bind(nowMs, userId, keepSessionId, newHash),
      ]);
      return gaveRow(results, 0);
    },

    async applySecret({ userId, knownHash, knownDigest, newHash, newDigest, audit }: SecretApplication) {
      const results = await d1Batch("apply the operator's secret", db, [
        db.prepare(APPLY_SECRET).bind(userId, knownHash, knownDigest, newHash, newDigest),
        db.prepare(AUDIT_SECRET).bind(audit.id, audit.atMs, audit.actor, userId, newDigest),
        db.prepare(END_SESSIONS_OF_OLD_SECRET).bind(audit.atMs, userId, audit.id),
      ]);
      return gaveRow(results, 0);
    },

    async noteDigest({ userId, knownHash, knownDigest, newDigest }: DigestChange) {
      await d1Call("note the operator's secret", () =>
        db.prepare(NOTE_DIGEST).bind(userId, knownHash, knownDigest, newDigest).run(),
      );
    },

    async replaceHash({ userId, knownHash, knownDigest, newHash, newDigest }: SecretHash) {
      const statement = db.prepare(REPLACE_HASH).bind(userId, knownHash, knownDigest, newHash, newDigest);
      return (await d1Call("replace a password's hash", () => statement.first())) !== null;
    },

    async setRoles({ userId, roles, audit }: RoleChange) {
      const json = JSON.stringify(roles);
      const results = await d1Batch("set the roles of a user", db, [
        db.prepare(AUDIT_ROLES).bind(audit.id, audit.atMs, audit.actor, userId, json),
        db.prepare(SET_ROLES).bind(userId, json, audit.id),
        db.prepare(END_SESSIONS_OF_OLD_ROLES).bind(audit.atMs, userId, audit.id),
      ]);
      const account = await byId(userId);
      return account === null || gaveRow(results, 0) ? account : "last admin";
    },

    async erase({ userId, knownHash, nowMs, retryAtMs, operatorEmail }: AccountErasure) {
      const results = await d1Batch("erase an account", db, [
        db.prepare(DELETE_ACCOUNT).bind(userId, knownHash, operatorEmail),
        db.prepare(ADD_ERASURE).bind(userId, nowMs, retryAtMs),
        db.prepare(DELETE_TOKENS).bind(userId),
        db.prepare(END_SESSIONS_OF_ERASED).bind(nowMs, userId),
        db.prepare(STILL_FITS).bind(userId, knownHash),
      ]);
      if (gaveRow(results, 0)) return "erased";
      return gaveRow(results, 4) ? "last admin" : "changed";
    },
  };
}
