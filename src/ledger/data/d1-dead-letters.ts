import type { Clock } from "../../resilience/clock.ts";
import type { DeadLetterStore } from "../biz/ports.ts";
import { d1Call } from "../../platform/d1-call.ts";

const KEEP = `
  INSERT INTO dead_letter (id, body, reason, attempts, at) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, attempts = excluded.attempts, at = excluded.at`;
const BODY_CHARS_MAX = 10_000;

/** Dead letters in one ledger's D1, for operators. */
export function d1DeadLetters(db: D1Database, now: Clock): DeadLetterStore {
  return {
    async keep({ id, body, reason, attempts }) {
      const text = (JSON.stringify(body) ?? "").slice(0, BODY_CHARS_MAX);
      await d1Call("keep a dead letter", () => db.prepare(KEEP).bind(id, text, reason, attempts, now()).run());
    },
  };
}
