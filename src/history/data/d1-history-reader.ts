import { desc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { HistoryReader } from "../biz/ports.ts";
import { d1Error } from "./d1-errors.ts";
import { history } from "./schema.ts";

/** Reads users' entries from the databases that hold them. */
export function d1HistoryReader(databaseOf: (userId: string) => D1Database): HistoryReader {
  return {
    async newestOf(userId, limit) {
      try {
        return await drizzle(databaseOf(userId))
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
