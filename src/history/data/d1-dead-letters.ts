import { count } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Clock } from "../../resilience/clock.ts";
import { d1Error } from "./d1-errors.ts";
import { deadLetter, historyRejected } from "./schema.ts";

/** A queue message that was given up. */
export interface DeadLetter {
  readonly id: string;
  readonly body: unknown;
  readonly attempts: number;
}

/** Bytes of a body that are kept: a message has at most 128 KB. */
const BODY_LENGTH_MAX = 131_072;

/** What went wrong for good, for operators to see: messages the queue gave up and records the databases refused. */
export interface FailureStore {
  keep(letter: DeadLetter): Promise<void>;
  counts(): Promise<{ readonly deadLetters: number; readonly rejected: number }>;
}

/** Dead letters live in database 0; rejected records in the database that refused them. */
export function d1FailureStore(databases: readonly [D1Database, ...D1Database[]], now: Clock): FailureStore {
  const [first] = databases;
  return {
    async keep({ id, body, attempts }) {
      const text = JSON.stringify(body).slice(0, BODY_LENGTH_MAX);
      try {
        await drizzle(first).insert(deadLetter).values({ id, body: text, attempts, receivedAtMs: now() }).onConflictDoNothing();
      } catch (cause) {
        throw d1Error(cause, "keep a dead letter");
      }
    },

    async counts() {
      try {
        const [letters] = await drizzle(first).select({ total: count() }).from(deadLetter);
        let rejected = 0;
        for (const db of databases) {
          const [row] = await drizzle(db).select({ total: count() }).from(historyRejected);
          rejected += row?.total ?? 0;
        }
        return { deadLetters: letters?.total ?? 0, rejected };
      } catch (cause) {
        throw d1Error(cause, "count failures");
      }
    },
  };
}
