import { beforeEach, describe, expect, it } from "vitest";
import { wire } from "../../src/ledger/wire.ts";
import { db, env } from "./support/ledger-worker.ts";

const DAY_MS = 86_400_000;
/**
 * What the README says a ledger does on two cores, each a message in one inbox and a change in each
 * log.
 */
const TRANSFERS_PER_S = 146;
const PER_MINUTE = TRANSFERS_PER_S * 60;

const rowsIn = async (table: string): Promise<number> =>
  (await db.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>("n")) ?? -1;
const numbers = (from: number, to: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to})`;

/** Messages whose ids are from 1970, received at `atMs`. */
async function received(from: number, to: number, atMs: number): Promise<void> {
  await db
    .prepare(
      `INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at) ${numbers(from, to)}
       SELECT 'transfers', '00000000-0000-7000-8000-' || printf('%012x', i), 'credited', 't', ?1 FROM n`,
    )
    .bind(atMs)
    .run();
}

async function changed(from: number, to: number, atMs: number): Promise<void> {
  await db
    .prepare(
      `INSERT INTO change_log (seq, account_id, transfer_id, amount, balance, at) ${numbers(from, to)}
       SELECT i, 'user:ann', 't-' || i, 1, 1, ?1 FROM n`,
    )
    .bind(atMs)
    .run();
  await db.prepare("UPDATE change_stream SET published_seq = ?1").bind(to).run();
}

beforeEach(async () => {
  for (const table of ["inbox", "change_log", "dead_letter"]) await db.prepare(`DELETE FROM ${table}`).run();
});

describe("pruning", () => {
  it("keeps up with the transfers a ledger can make: one minute's run deletes more than twice what a minute writes", async () => {
    await received(1, 30_000, Date.now() - 36 * DAY_MS);
    await changed(1, 30_000, Date.now() - 8 * DAY_MS);
    await wire(env).sweep(Date.now());
    for (const table of ["inbox", "change_log"]) {
      expect(30_000 - (await rowsIn(table))).toBe(20_000);
      expect(30_000 - (await rowsIn(table))).toBeGreaterThan(2 * PER_MINUTE);
    }
  });

  it("goes on behind messages with an old id that have come lately, in the same run", async () => {
    await received(1, 3_500, Date.now());
    await received(3_501, 4_500, Date.now() - 36 * DAY_MS);
    await wire(env).sweep(Date.now());
    expect(await rowsIn("inbox")).toBe(3_500);
  });

  it("leaves what is young, what is not published, and the newest change", async () => {
    await received(1, 10, Date.now() - 34 * DAY_MS);
    await changed(1, 10, Date.now() - 8 * DAY_MS);
    await changed(11, 20, Date.now() - 8 * DAY_MS);
    await db.prepare("UPDATE change_stream SET published_seq = 15").run();
    await wire(env).sweep(Date.now());
    expect(await rowsIn("inbox")).toBe(10);
    expect((await db.prepare("SELECT min(seq) AS first FROM change_log").first("first")) ?? -1).toBe(16);
    await db.prepare("UPDATE change_stream SET published_seq = 20").run();
    await wire(env).sweep(Date.now());
    expect((await db.prepare("SELECT seq FROM change_log").all()).results).toEqual([{ seq: 20 }]);
  });

  it("keeps dead letters for 30 days, and 10,000 of them at most, the newest", async () => {
    await db
      .prepare(
        `INSERT INTO dead_letter (id, body, reason, attempts, at) ${numbers(1, 10_300)}
         SELECT 'letter-' || i, '{}', 'why', 1, CASE WHEN i <= 100 THEN ?1 ELSE ?2 + i END FROM n`,
      )
      .bind(Date.now() - 31 * DAY_MS, Date.now() - 20_000)
      .run();
    await wire(env).sweep(Date.now());
    expect(await rowsIn("dead_letter")).toBe(10_000);
    expect(
      await db
        .prepare("SELECT count(*) AS n FROM dead_letter WHERE id IN ('letter-300', 'letter-301')")
        .first("n"),
    ).toBe(1);
  });
});
