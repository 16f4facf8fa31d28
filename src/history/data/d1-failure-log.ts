import type { FailureCount } from "../../contracts/history.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { FailureLog, FailureReader } from "../biz/ports.ts";
import { d1Error } from "../../platform/platform-errors.ts";

/** 1 [[kind, count]…], 2 now. */
const COUNT = `
  INSERT INTO failure_count (kind, total, last_at) SELECT value ->> 0, value ->> 1, ?2 FROM json_each(?1) WHERE true
  ON CONFLICT (kind) DO UPDATE SET total = failure_count.total + excluded.total, last_at = max(failure_count.last_at, excluded.last_at)`;
/** 1 [[id, outline, attempts]…], 2 now. */
const KEEP = `
  INSERT INTO unreadable_message (id, outline, attempts, received_at)
  SELECT value ->> 0, value ->> 1, value ->> 2, ?2 FROM json_each(?1) WHERE true
  ON CONFLICT (id) DO NOTHING`;
/** 1 most kept, 2 limit. The index is read from its newest end, as far as is kept. */
const CAP = `
  DELETE FROM unreadable_message WHERE id IN (
    SELECT id FROM unreadable_message ORDER BY received_at DESC, id DESC LIMIT ?2 OFFSET ?1)`;
/** 1 count at most. */
const LEFT_LETTERS = "SELECT count(*) AS total FROM (SELECT 1 FROM dead_letter LIMIT ?1)";
const REJECTED = "SELECT count(*) AS total FROM (SELECT 1 FROM history_rejected LIMIT ?1)";

const OUTLINES_MAX = 1_000;
/** More than one batch can bring. */
const CAPPED_AT_ONCE = 200;
/** Rows are counted up to here: an overview must not read a whole table. */
const COUNTED_MAX = 10_000;
const LETTERS_COUNTED_MAX = 1_000;

/** Counts what goes wrong, in database 0. */
export function d1FailureLog(db: D1Database, now: Clock): FailureLog {
  return {
    async note({ counts, unreadable = [] }) {
      const nowMs = now();
      const statements = [db.prepare(COUNT).bind(JSON.stringify(Object.entries(counts)), nowMs)];
      if (unreadable.length > 0) {
        const outlines = unreadable.map(({ id, outline, attempts }) => [id, outline, attempts]);
        statements.push(
          db.prepare(KEEP).bind(JSON.stringify(outlines), nowMs),
          db.prepare(CAP).bind(OUTLINES_MAX, CAPPED_AT_ONCE),
        );
      }
      try {
        await db.batch(statements);
      } catch (cause) {
        throw d1Error(cause, "count failures");
      }
    },
  };
}

const DEAD_KINDS: ReadonlySet<string> = new Set(["dead_flush", "dead_refill", "unreadable"]);

/**
 * Reads what has gone wrong: counts from database 0, records set aside from the databases that
 * refused them.
 */
export function d1FailureSummary(databases: readonly [D1Database, ...D1Database[]]): FailureReader {
  const [first] = databases;
  const total = async (db: D1Database, query: string, max: number): Promise<number> =>
    (await db.prepare(query).bind(max).first<number>("total")) ?? 0;
  return async function readFailures() {
    try {
      const { results: failures } = await first
        .prepare("SELECT kind, total, last_at AS lastAt FROM failure_count ORDER BY kind")
        .all<FailureCount>();
      let deadLetters = await total(first, LEFT_LETTERS, LETTERS_COUNTED_MAX);
      for (const failure of failures) if (DEAD_KINDS.has(failure.kind)) deadLetters += failure.total;
      let rejected = 0;
      for (const db of databases) rejected += await total(db, REJECTED, COUNTED_MAX);
      return { deadLetters, rejected, failures };
    } catch (cause) {
      throw d1Error(cause, "read failures");
    }
  };
}
