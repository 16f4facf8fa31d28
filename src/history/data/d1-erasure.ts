import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { d1Error } from "../../platform/database/platform-errors.ts";
import { history, historyRejected, historyUser } from "./schema.ts";

/**
 * Erases a user in one database: mark and deletes are one batch, so no write can slip in between.
 * The mark stays for good, and is all that stays. Everything here is found by the user's own key:
 * nothing else that is kept names a user.
 */
export function d1Erasure(db: D1Database): (userId: string) => Promise<void> {
  const orm = drizzle(db);
  const mark = { paused: 0, clearedBeforeMs: -1, erased: 1, rev: 0 };
  return async function eraseInDatabase(userId) {
    try {
      await orm.batch([
        orm
          .insert(historyUser)
          .values({ userId, ...mark })
          .onConflictDoUpdate({ target: historyUser.userId, set: mark }),
        orm.delete(history).where(eq(history.userId, userId)),
        orm.delete(historyRejected).where(eq(historyRejected.userId, userId)),
      ]);
    } catch (cause) {
      throw d1Error(cause, "erase a user");
    }
  };
}
