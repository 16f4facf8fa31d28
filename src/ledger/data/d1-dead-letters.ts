import type { DeadLetter } from "../../contracts/ledger-operators.ts";
import { transferIdSchema } from "../../contracts/ledger.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/database/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { DeadLetterStore } from "../biz/ports.ts";

const KEEP = namedSql(`
  INSERT INTO dead_letter (id, body, reason, attempts, at) VALUES (:id, :body, :reason, :attempts, :nowMs)
  ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, attempts = excluded.attempts, at = excluded.at`);
const COLUMNS = "SELECT id, body, reason, attempts, at FROM dead_letter";
const NEWEST = namedSql(`${COLUMNS} WHERE (at, id) < (:atMs, :id) ORDER BY at DESC, id DESC LIMIT :limit`);
const NAMED = namedSql(
  `${COLUMNS} WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY at DESC, id DESC`,
);
/** Written before the letters go, where there are any. */
const AUDIT_FORGET = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'redrive-dead-letters', 'dead_letter', json_object('letters', json_group_array(id))
  FROM dead_letter WHERE id IN (SELECT value FROM json_each(:ids)) HAVING count(*) > 0`);
const FORGET = namedSql(
  "DELETE FROM dead_letter WHERE id IN (SELECT value FROM json_each(:ids)) RETURNING id",
);
const BODY_CHARS_MAX = 10_000;
/** Before every letter that there is. */
const BEGINNING = { atMs: Number.MAX_SAFE_INTEGER, id: "" };

type Row = Omit<DeadLetter, "transferId" | "body"> & { readonly body: string };

/** Dead letters in one ledger's D1, for operators. */
export function d1DeadLetters(db: D1Database, now: Clock): DeadLetterStore {
  const read = async (statement: D1PreparedStatement): Promise<readonly DeadLetter[]> => {
    const { results } = await d1Call("read dead letters", () => statement.all<Row>());
    return results.map(letterOf);
  };
  return {
    async keep({ id, body, reason, attempts }) {
      const text = (JSON.stringify(body) ?? "").slice(0, BODY_CHARS_MAX);
      await d1Call("keep a dead letter", () =>
        bound(db, KEEP, { id, body: text, reason, attempts, nowMs: now() }).run(),
      );
    },

    list(limit, after) {
      const { atMs, id } = after ?? BEGINNING;
      return read(bound(db, NEWEST, { limit, atMs, id }));
    },

    named: (ids) => read(bound(db, NAMED, { ids: JSON.stringify(ids) })),

    async forget(ids, audit) {
      const batch = boundAll(db, [AUDIT_FORGET, FORGET], {
        ids: JSON.stringify(ids),
        auditId: audit.id,
        nowMs: audit.atMs,
        actor: audit.actor,
      });
      const results = await d1Batch("forget dead letters", db, batch);
      return rowsOf<{ readonly id: string }>(results, 1).map(({ id }) => id);
    },
  };
}

function letterOf({ body: text, ...row }: Row): DeadLetter {
  const body = parsed(text);
  const named =
    typeof body === "object" && body !== null
      ? transferIdSchema.safeParse((body as { transferId?: unknown }).transferId)
      : null;
  return { ...row, transferId: named?.success === true ? named.data.toLowerCase() : null, body };
}

/** The text itself where it is no JSON: it was cut when it was kept. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
