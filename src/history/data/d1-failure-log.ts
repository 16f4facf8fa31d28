import type { FailureCount } from "../../contracts/history.ts";
import { bound, boundAll, namedSql, type NamedSql } from "../../platform/database/named-sql.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { FailureLog, FailureReader } from "../biz/ports.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";

/** Counts are pairs of a kind and a number in a JSON array. */
const COUNT = namedSql(`
  INSERT INTO failure_count (kind, total, last_at)
  SELECT value ->> 0, value ->> 1, :nowMs FROM json_each(:counts) WHERE true
  ON CONFLICT (kind) DO UPDATE SET total = failure_count.total + excluded.total, last_at = max(failure_count.last_at, excluded.last_at)`);
/** Messages are arrays in a JSON array: id, outline, attempts. */
const KEEP = namedSql(`
  INSERT INTO unreadable_message (id, outline, attempts, received_at)
  SELECT value ->> 0, value ->> 1, value ->> 2, :nowMs FROM json_each(:messages) WHERE true
  ON CONFLICT (id) DO NOTHING`);
/** The index is read from its newest end, as far as is kept. */
const CAP = namedSql(`
  DELETE FROM unreadable_message WHERE id IN (
    SELECT id FROM unreadable_message ORDER BY received_at DESC, id DESC LIMIT :cappedMax OFFSET :keptMax)`);
const LEFT_LETTERS = namedSql("SELECT count(*) AS total FROM (SELECT 1 FROM dead_letter LIMIT :countedMax)");
const REJECTED = namedSql("SELECT count(*) AS total FROM (SELECT 1 FROM history_rejected LIMIT :countedMax)");

const OUTLINES_MAX = 1_000;
/** More than one batch can bring. */
const CAPPED_AT_ONCE = 200;
/** Rows are counted up to here: an overview must not read a whole table. */
const COUNTED_MAX = 10_000;
const LETTERS_COUNTED_MAX = 1_000;

/** Counts what goes wrong in a cell, in its database 0. */
export function d1FailureLog(db: D1Database, now: Clock): FailureLog {
  return {
    async note({ counts, unreadable = [] }) {
      const nowMs = now();
      const statements = [bound(db, COUNT, { counts: JSON.stringify(Object.entries(counts)), nowMs })];
      if (unreadable.length > 0) {
        const messages = unreadable.map(({ id, outline, attempts }) => [id, outline, attempts]);
        const values = {
          messages: JSON.stringify(messages),
          nowMs,
          keptMax: OUTLINES_MAX,
          cappedMax: CAPPED_AT_ONCE,
        };
        statements.push(...boundAll(db, [KEEP, CAP], values));
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
 * Reads what has gone wrong: counts from the first database, records set aside from the databases
 * that refused them.
 */
export function d1FailureSummary(databases: readonly [D1Database, ...D1Database[]]): FailureReader {
  const [first] = databases;
  const total = async (db: D1Database, query: NamedSql<"countedMax">, countedMax: number): Promise<number> =>
    (await bound(db, query, { countedMax }).first<number>("total")) ?? 0;
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
