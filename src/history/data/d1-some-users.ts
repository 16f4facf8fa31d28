import { bound, namedSql } from "../../platform/database/named-sql.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";

/** A look-up for each: rows of one user are passed over. */
const SOME = namedSql(`
  WITH RECURSIVE some (id) AS (
    SELECT min(user_id) FROM history
    UNION ALL SELECT (SELECT min(user_id) FROM history WHERE user_id > some.id) FROM some WHERE some.id IS NOT NULL
    LIMIT :limit)
  SELECT id FROM some WHERE id IS NOT NULL`);

/** Some of the users whom a database has entries of, at most `limit`. Throws `UNAVAILABLE`. */
export async function d1SomeUsers(db: D1Database, limit: number): Promise<readonly string[]> {
  try {
    const rows = await bound(db, SOME, { limit }).raw<readonly [id: string]>();
    return rows.map(([id]) => id);
  } catch (cause) {
    throw d1Error(cause, "look for users in a database");
  }
}
