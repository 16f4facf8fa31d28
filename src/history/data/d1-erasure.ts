import { d1Error } from "../../platform/database/platform-errors.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";

const ERASE = [
  namedSql(`
    INSERT INTO history_user (user_id, paused, cleared_before, erased, rev) VALUES (:userId, 0, -1, 1, 0)
    ON CONFLICT (user_id) DO UPDATE SET
      paused = excluded.paused, cleared_before = excluded.cleared_before, erased = excluded.erased, rev = excluded.rev`),
  namedSql("DELETE FROM history WHERE user_id = :userId"),
  namedSql("DELETE FROM history_rejected WHERE user_id = :userId"),
] as const;

/**
 * Erases a user in one database: mark and deletes are one batch, so no write can slip in between.
 * The mark stays for good, and is all that stays. Everything here is found by the user's own key:
 * nothing else that is kept names a user.
 */
export function d1Erasure(db: D1Database): (userId: string) => Promise<void> {
  return async function eraseInDatabase(userId) {
    try {
      await db.batch(boundAll(db, ERASE, { userId }));
    } catch (cause) {
      throw d1Error(cause, "erase a user");
    }
  };
}
