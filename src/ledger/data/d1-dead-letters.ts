import type { DeadLetter } from "../../contracts/ledger-operators.ts";
import { transferIdSchema } from "../../contracts/ledger.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/d1-call.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { DeadLetterStore } from "../biz/ports.ts";

const KEEP = `
  INSERT INTO dead_letter (id, body, reason, attempts, at) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, attempts = excluded.attempts, at = excluded.at`;
const COLUMNS = "SELECT id, body, reason, attempts, at FROM dead_letter";
/** 1 limit, 2 at, 3 id. */
const NEWEST = `${COLUMNS} WHERE (at, id) < (?2, ?3) ORDER BY at DESC, id DESC LIMIT ?1`;
/** 1 ids. */
const NAMED = `${COLUMNS} WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY at DESC, id DESC`;
/** 1 ids, 2 now, 3 audit id, 4 actor. Written before the letters go, where there are any. */
const AUDIT_FORGET = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?3, ?2, ?4, 'redrive-dead-letters', 'dead_letter', json_object('letters', json_group_array(id))
  FROM dead_letter WHERE id IN (SELECT value FROM json_each(?1)) HAVING count(*) > 0`;
const FORGET = "DELETE FROM dead_letter WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id";
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
        db.prepare(KEEP).bind(id, text, reason, attempts, now()).run(),
      );
    },

    list(limit, after) {
      const { atMs, id } = after ?? BEGINNING;
      return read(db.prepare(NEWEST).bind(limit, atMs, id));
    },

    named: (ids) => read(db.prepare(NAMED).bind(JSON.stringify(ids))),

    async forget(ids, audit) {
      const json = JSON.stringify(ids);
      const results = await d1Batch("forget dead letters", db, [
        db.prepare(AUDIT_FORGET).bind(json, audit.atMs, audit.id, audit.actor),
        db.prepare(FORGET).bind(json),
      ]);
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
