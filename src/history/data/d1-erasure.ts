import { d1Error } from "../../platform/database/platform-errors.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";

const ERASE = [
  // A new row in the place of the old one: whatever else was said of the user is its default.
  namedSql("INSERT OR REPLACE INTO history_user (user_id, erased) VALUES (:userId, 1)"),
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
