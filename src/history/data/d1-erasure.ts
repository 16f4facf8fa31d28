import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { d1Error } from "./d1-errors.ts";
import { deadLetter, history, historyRejected, historyUser } from "./schema.ts";

/**
 * Erases a user in one database: mark and deletes are one batch, so no write can slip in between. The mark stays for good. Dead letters that
 * name the user go too: their keys are pending in the shard anyway, and will be sent again.
 */
export function d1Erasure(db: D1Database): (userId: string) => Promise<void> {
  const orm = drizzle(db);
  return async function eraseInDatabase(userId) {
    try {
      await orm.batch([
        orm
          .insert(historyUser)
          .values({ userId, erased: 1 })
          .onConflictDoUpdate({ target: historyUser.userId, set: { erased: 1 } }),
        orm.delete(history).where(eq(history.userId, userId)),
        orm.delete(historyRejected).where(eq(historyRejected.userId, userId)),
        orm.delete(deadLetter).where(sql`instr(${deadLetter.body}, ${userId}) > 0`),
      ]);
    } catch (cause) {
      throw d1Error(cause, "erase a user");
    }
  };
}
