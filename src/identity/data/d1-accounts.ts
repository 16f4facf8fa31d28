import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { AccountState } from "../../contracts/identity.ts";
import type {
  Account,
  AccountErasure,
  AccountStore,
  DigestChange,
  PasswordChange,
  RoleChange,
  SecretApplication,
  SecretHash,
} from "../biz/ports.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/database/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { account } from "./schema.ts";

const ADD = namedSql(`
  INSERT INTO account (id, email, password_hash, roles, created_at, operator_digest, cell)
  VALUES (:id, :email, :passwordHash, :roles, :createdAtMs, :operatorDigest, :cell)
  ON CONFLICT (email) DO NOTHING RETURNING id`);
/** In the batch of the account: no cell has users of whom this table doesn't know. */
const NOTE_CELL = namedSql(`
  INSERT INTO cell (name, first_user_at)
  SELECT cell, created_at FROM account WHERE id = :id AND cell IS NOT NULL ON CONFLICT (name) DO NOTHING`);

const CHANGE_PASSWORD = namedSql(
  "UPDATE account SET password_hash = :newHash WHERE id = :userId AND password_hash = :knownHash RETURNING id",
);
const END_OTHER_SESSIONS = namedSql(
  revokeSessionsSql(
    "password",
    `account_id = :userId AND id <> :keepSessionId
    AND EXISTS (SELECT 1 FROM account WHERE id = :userId AND password_hash = :newHash)`,
  ),
);

const APPLY_SECRET = namedSql(`
  UPDATE account SET password_hash = :newHash, operator_digest = :newDigest
  WHERE id = :userId AND password_hash = :knownHash AND operator_digest = :knownDigest RETURNING id`);
const AUDIT_SECRET = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'apply-secret', id, '{}' FROM account
  WHERE id = :userId AND operator_digest = :newDigest AND changes() > 0`);
const END_SESSIONS_OF_OLD_SECRET = namedSql(
  revokeSessionsSql("secret", "account_id = :userId AND EXISTS (SELECT 1 FROM audit WHERE id = :auditId)"),
);
const NOTE_DIGEST = namedSql(`
  UPDATE account SET operator_digest = :newDigest
  WHERE id = :userId AND password_hash = :knownHash AND operator_digest IS :knownDigest`);
/**
 * By the digest too: the hash that no password has is the same under each secret. A digest may have
 * moved to the present key meanwhile.
 */
const REPLACE_HASH = namedSql(`
  UPDATE account SET password_hash = :newHash, operator_digest = :newDigest
  WHERE id = :userId AND password_hash = :knownHash AND operator_digest IN (:knownDigest, :newDigest)
  RETURNING id`);

/** Spelled as in the index on admins: otherwise the query would read all accounts. */
const isAdmin = <Roles extends string>(roles: Roles) => `instr(${roles}, '"admin"') > 0` as const;
const ANOTHER_IS_ADMIN = `EXISTS (
  SELECT 1 FROM account AS other WHERE ${isAdmin("other.roles")} AND other.id <> :userId)` as const;

/** The guard sits in the first statement, the others ask for its line. */
const AUDIT_ROLES = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'set-roles', id, json_object('from', json(roles), 'to', json(:roles)) FROM account
  WHERE id = :userId AND (${isAdmin(":roles")} OR NOT ${isAdmin("roles")} OR ${ANOTHER_IS_ADMIN}) RETURNING id`);
const SET_ROLES = namedSql(
  "UPDATE account SET roles = :roles WHERE id = :userId AND EXISTS (SELECT 1 FROM audit WHERE id = :auditId)",
);
const END_SESSIONS_OF_OLD_ROLES = namedSql(
  revokeSessionsSql("roles", "account_id = :userId AND EXISTS (SELECT 1 FROM audit WHERE id = :auditId)"),
);

/**
 * An admin goes if another stays, or if the operator's secrets make one anew: their e-mail is free,
 * or is the one that goes.
 */
const DELETE_ACCOUNT = namedSql(`
  DELETE FROM account WHERE id = :userId AND password_hash = :knownHash AND (
    NOT ${isAdmin("roles")} OR ${ANOTHER_IS_ADMIN}
    OR (:operatorEmail IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM account AS named WHERE named.email = :operatorEmail AND named.id <> :userId)))
  RETURNING id`);
const STILL_FITS = namedSql("SELECT 1 FROM account WHERE id = :userId AND password_hash = :knownHash");
const ADD_ERASURE = namedSql(`
  INSERT INTO erasure (user_id, requested_at, attempts, next_at, cell)
  SELECT :userId, :nowMs, 1, :retryAtMs, :cell WHERE NOT EXISTS (SELECT 1 FROM account WHERE id = :userId)
  ON CONFLICT (user_id) DO NOTHING`);
const DELETE_TOKENS = namedSql(`
  DELETE FROM refresh_token WHERE session_id IN (SELECT id FROM session WHERE account_id = :userId)
  AND NOT EXISTS (SELECT 1 FROM account WHERE id = :userId)`);
const END_SESSIONS_OF_ERASED = namedSql(
  revokeSessionsSql(
    "erased",
    "account_id = :userId AND NOT EXISTS (SELECT 1 FROM account WHERE id = :userId)",
  ),
);

/** An erasure is the mark that stays of an account. */
const STATE = namedSql(`SELECT CASE
  WHEN EXISTS (SELECT 1 FROM account WHERE id = :userId) THEN 'open'
  WHEN EXISTS (SELECT 1 FROM erasure WHERE user_id = :userId) THEN 'erased' END AS state`);

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
        bound(db, STATE, { userId }).first<{ state: AccountState | null }>(),
      );
      return row?.state ?? null;
    },

    async byEmail(email) {
      const [found] = await d1Call("find an account", () =>
        orm.select().from(account).where(eq(account.email, email)),
      );
      return found ?? null;
    },

    async add({ operatorDigest = null, cell = null, ...fresh }: Account) {
      // Of main, where nearly everybody is, nothing need be noted.
      const statements = boundAll(db, cell === null ? [ADD] : [ADD, NOTE_CELL], {
        ...fresh,
        roles: JSON.stringify(fresh.roles),
        operatorDigest,
        cell,
      });
      return gaveRow(await d1Batch("add an account", db, statements), 0);
    },

    async changePassword(change: PasswordChange) {
      const statements = boundAll(db, [CHANGE_PASSWORD, END_OTHER_SESSIONS], change);
      return gaveRow(await d1Batch("change a password", db, statements), 0);
    },

    async applySecret({ audit, ...application }: SecretApplication) {
      const statements = boundAll(db, [APPLY_SECRET, AUDIT_SECRET, END_SESSIONS_OF_OLD_SECRET], {
        ...application,
        auditId: audit.id,
        actor: audit.actor,
        nowMs: audit.atMs,
      });
      return gaveRow(await d1Batch("apply the operator's secret", db, statements), 0);
    },

    async noteDigest(change: DigestChange) {
      await d1Call("note the operator's secret", () => bound(db, NOTE_DIGEST, change).run());
    },

    async replaceHash(change: SecretHash) {
      const statement = bound(db, REPLACE_HASH, change);
      return (await d1Call("replace a password's hash", () => statement.first())) !== null;
    },

    async setRoles({ userId, roles, audit }: RoleChange) {
      const statements = boundAll(db, [AUDIT_ROLES, SET_ROLES, END_SESSIONS_OF_OLD_ROLES], {
        userId,
        roles: JSON.stringify(roles),
        auditId: audit.id,
        actor: audit.actor,
        nowMs: audit.atMs,
      });
      const results = await d1Batch("set the roles of a user", db, statements);
      const account = await byId(userId);
      return account === null || gaveRow(results, 0) ? account : "last admin";
    },

    async erase(order: AccountErasure) {
      const statements = [DELETE_ACCOUNT, ADD_ERASURE, DELETE_TOKENS, END_SESSIONS_OF_ERASED, STILL_FITS];
      const results = await d1Batch("erase an account", db, boundAll(db, statements, order));
      if (gaveRow(results, 0)) return "erased";
      return gaveRow(results, 4) ? "last admin" : "changed";
    },
  };
}
