import { createMessageBatch } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createHistoryJob } from "../../src/history/biz/history-job.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { newUserState } from "../../src/history/biz/user-state.ts";
import { wire } from "../../src/history/wire.ts";
import { recordOf } from "../support/databases/history-records.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { EMPTY_SHARDS, jobParts } from "./support/job-parts.ts";
import { disagreements } from "../support/databases/statement-bounds.ts";

/** docs/design/history.md */
const { STATEMENTS_DOC } = env as unknown as { readonly STATEMENTS_DOC: string };
const db = env.HISTORY_DB_0;
/** Of each kind. */
const ROWS = 25_000;
const ENTRIES_PER_USER = 1_000;

/**
 * Twenty-five users with all the entries a user may have; old letters, outlines and refusals, and
 * young ones.
 */
async function fill(): Promise<void> {
  const nowMs = Date.now();
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS - 1})`;
  const old = `CASE WHEN i < 2000 THEN 0 ELSE ${nowMs} END`;
  const statements = [
    `INSERT INTO history (user_id, kind, item_id, position_ms, event, at, rev)
      ${numbers} SELECT 'user-' || (i / ${ENTRIES_PER_USER}), 'video', 'm-' || i, 0, 'playing', i, i + 1 FROM n`,
    `UPDATE history SET deleted = rev WHERE at >= ${ROWS - 3 * ENTRIES_PER_USER}`,
    `INSERT INTO history_user (user_id) ${numbers} SELECT 'user-' || i FROM n`,
    `INSERT INTO history_rejected (user_id, kind, item_id, rev, record, reason, rejected_at)
      ${numbers} SELECT 'user-' || i, 'video', 'm1', 1, '{}', 'why', ${old} FROM n`,
    `INSERT INTO unreadable_message (id, outline, attempts, received_at) ${numbers} SELECT 'm-' || i, 'null', 1, ${old} FROM n`,
    `INSERT INTO dead_letter (id, body, attempts, received_at) ${numbers} SELECT 'm-' || i, '{"type":"flush"', 1, ${nowMs} FROM n`,
  ];
  for (const statement of statements) await db.prepare(statement).run();
}

describe("what the history does in a database by itself", () => {
  it("reads no more rows than the design says of each statement, however much there is", async () => {
    await fill();
    const { metered, statements } = meteredD1(db);
    const own = wire({ ...env, HISTORY_DB_0: metered });
    await own.consume(
      createMessageBatch("playhead-history-flush-dead", [
        { id: "dead", timestamp: new Date(), attempts: 5, body: "nothing of ours" },
      ]),
    );
    const good = Array.from({ length: 1_000 }, (_, index) =>
      recordOf({ userId: "user-1", itemId: `new-${index}`, rev: ROWS + 1 }),
    );
    const refused = recordOf({ userId: "user-2", positionMs: -1, rev: 9 });
    const tombstone = recordOf({ userId: "user-2500", deleted: true, rev: 9 });
    const state = { ...newUserState("user-1"), cleared: { atMs: 1_500, rev: 1_501 } };
    const runJob = createHistoryJob(
      jobParts({
        shards: {
          ...EMPTY_SHARDS,
          collect: async () => [...good, refused, tombstone],
          collectStates: async () => [state],
        },
        writers: [d1HistoryWriter(metered, Date.now)],
        entriesPerUserMax: ENTRIES_PER_USER,
        now: Date.now,
        random: () => 0,
      }),
    );
    await runJob([{ type: "flush", shard: 0, users: [["user-1", ["video/m1"]]], states: ["user-1"] }]);
    await own.sweep(Date.now());
    expect(disagreements(STATEMENTS_DOC, statements)).toEqual([]);
  });
});
