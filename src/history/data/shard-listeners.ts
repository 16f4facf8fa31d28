import { namedSql } from "../../platform/database/named-sql.ts";
import type { ListenerRow, ListenerStore } from "../biz/ports.ts";
import { execNamed, numberOrNull, type ShardSql } from "./shard-sql.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS listener (user_id TEXT NOT NULL, comet TEXT NOT NULL, sockets INTEGER NOT NULL,
    version INTEGER NOT NULL, joined_at_ms INTEGER NOT NULL, behind_rev INTEGER, PRIMARY KEY (user_id, comet))
    WITHOUT ROWID;
`;
const ALL = "SELECT user_id, comet, sockets, version, joined_at_ms, behind_rev FROM listener";
const PUT = namedSql(`
  INSERT OR REPLACE INTO listener (user_id, comet, sockets, version, joined_at_ms, behind_rev)
  VALUES (:userId, :comet, :sockets, :version, :joinedAtMs, :behindRev)`);
const REMOVE = namedSql("DELETE FROM listener WHERE user_id = :userId AND comet = :comet");
const REMOVE_OLD = namedSql("DELETE FROM listener WHERE joined_at_ms < :atMs");
/** A release that was gone back to may have erased users, and knows nothing of who listens. */
const FORGET_ERASED = "DELETE FROM listener WHERE user_id IN (SELECT user_id FROM erased_user)";

/** Who listens, in the shard's own SQLite: a row written where a socket comes or goes. */
export class ShardListeners implements ListenerStore {
  readonly #db: ShardSql;

  /** The table of erased users must be there. */
  constructor(db: ShardSql) {
    this.#db = db;
    db.exec(SCHEMA);
  }

  all(): readonly ListenerRow[] {
    if (this.#db.exec("SELECT 1 FROM listener LIMIT 1").toArray().length === 0) return [];
    this.#db.exec(FORGET_ERASED);
    return this.#db
      .exec(ALL)
      .toArray()
      .map((row) => ({
        userId: String(row["user_id"]),
        comet: String(row["comet"]),
        sockets: Number(row["sockets"]),
        version: Number(row["version"]),
        joinedAtMs: Number(row["joined_at_ms"]),
        behindRev: numberOrNull(row["behind_rev"]),
      }));
  }

  put(row: ListenerRow): void {
    execNamed(this.#db, PUT, { ...row });
  }

  remove(userId: string, comet: string): void {
    execNamed(this.#db, REMOVE, { userId, comet });
  }

  removeJoinedBefore(atMs: number): void {
    execNamed(this.#db, REMOVE_OLD, { atMs });
  }
}
