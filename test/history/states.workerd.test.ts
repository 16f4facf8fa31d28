import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { newUserState } from "../../src/history/biz/user-state.ts";
import { d1HistoryReader } from "../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";

/** What D1 itself says of rows read and written. */
const { metered, rows: rowsWritten, rowsRead } = meteredD1(env.HISTORY_DB_0);
const writer = d1HistoryWriter(metered, () => 0);
const reader = d1HistoryReader(() => metered);

const ENTRIES = 1_000;

/** Someone with as many entries as are kept, dated 0 and on, with revisions from 1 on. */
async function someone(): Promise<string> {
  const userId = crypto.randomUUID();
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${ENTRIES - 1})`;
  await env.HISTORY_DB_0.prepare(
    `INSERT INTO history (user_id, kind, item_id, position_ms, event, at, rev)
      ${numbers} SELECT ?, 'video', 'm-' || i, 0, 'playing', i, i + 1 FROM n`,
  )
    .bind(userId)
    .run();
  return userId;
}

async function costOf<T>(work: () => Promise<T>) {
  const before = { read: rowsRead(), written: rowsWritten() };
  const answer = await work();
  return { answer, read: rowsRead() - before.read, written: rowsWritten() - before.written };
}

describe("in D1 itself", () => {
  it("looking for items reads a row for each, however many their user has", async () => {
    const userId = await someone();
    const items = Array.from({ length: 100 }, (_, index) => ({ kind: "video", itemId: `m-${index * 10}` }));
    const { answer, read } = await costOf(() => reader.find(userId, items));
    expect(answer).toHaveLength(100);
    // As many are in the list of items.
    expect(read).toBe(2 * items.length);
  });

  it("writing a user's state reads their rows alone, writes those that go, and again nothing", async () => {
    const [userId, other] = [await someone(), await someone()];
    const state = { ...newUserState(userId), cleared: { atMs: 9, rev: 10 } };
    const first = await costOf(() => writer.writeStates([state]));
    const again = await costOf(() => writer.writeStates([state]));
    expect(first.written).toBe(1 + 10);
    expect(again.written).toBe(0);
    for (const { read } of [first, again]) expect(read).toBeLessThan(ENTRIES + 100);
    expect((await reader.newestOf(other, 2_000)).length).toBe(ENTRIES);
  });

  it("finding who has too much reads their rows once", async () => {
    const userId = await someone();
    const { answer, read } = await costOf(() => writer.overfull([userId], ENTRIES - 1, 0));
    expect(answer).toEqual([userId]);
    expect(read).toBeLessThan(ENTRIES + 10);
  });
});
