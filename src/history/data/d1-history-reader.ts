import { desc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { HistoryReader } from "../biz/ports.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";
import { history } from "./schema.ts";

/** Reads users' entries from the databases that hold them. */
export function d1HistoryReader(
  databases: readonly D1Database[],
  databaseOf: (userId: string) => number,
): HistoryReader {
  return {
    async newestOf(userId, limit) {
      try {
        const db = databases[databaseOf(userId)];
        if (db === undefined) throw new RangeError(`there is no database ${databaseOf(userId)}`);
        return await drizzle(db)
          .select()
          .from(history)
          .where(eq(history.userId, userId))
          .orderBy(desc(history.atMs), desc(history.rev))
          .limit(limit);
      } catch (cause) {
        throw d1Error(cause, "read a user's history");
      }
    },
  };
}
