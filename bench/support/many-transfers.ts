import type { RunningPlatform } from "../../scripts/runtime/platform.ts";

const USERS = 1_000;
const DAY_MS = 86_400_000;
/** Rows in one statement: it stays below what a database allows one. */
const CHUNK = 50_000;

/**
 * The numbers of one chunk, a transfer's id by its number, and its owner. 1 first, 2 last, 3 when
 * the first of all was made.
 */
const NUMBERS = "WITH RECURSIVE number (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM number WHERE n < ?2)";
const ID = "printf('%08x-%04x-7000-8000-%012x', (?3 + n) >> 16, (?3 + n) & 65535, n)";
const OWNER = `'many-' || (n % ${USERS})`;
const ENTRIES = (sign: string): readonly string[] => [
  `${NUMBERS} INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) SELECT 'user:' || ${OWNER}, ${ID}, -(${sign}1), 'clearing', ?3 + n FROM number`,
  `${NUMBERS} INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) SELECT 'clearing', ${ID}, ${sign}1, 'user:' || ${OWNER}, ?3 + n FROM number`,
];
const TRANSFERS = `${NUMBERS}
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at)
  SELECT ${OWNER}, ${ID}, 'transfer', 'many-' || n, '', 1, 'settled', ?3 + n, ?3 + n FROM number`;
/** 1 first, 2 last, 3 opened at, 4 balance. */
const ACCOUNTS = `${NUMBERS} INSERT INTO account (id, user_id, kind, balance, opened_at) SELECT 'user:' || ${OWNER}, ${OWNER}, 'user', ?4, ?3 FROM number`;
/** 1 first, 2 last, 3 when, 4 amount. */
const DEPOSITS = [
  `${NUMBERS} INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) SELECT 'user:' || ${OWNER}, ${ID}, ?4, 'equity', ?3 FROM number`,
  `${NUMBERS} INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) SELECT 'equity', ${ID}, -?4, 'user:' || ${OWNER}, ?3 FROM number`,
];
const ADD = "UPDATE account SET balance = balance + ?2 WHERE id = ?1";

/**
 * Books transfers that have long arrived, by SQL, as an older release would have: so many of a cent
 * each, from the wallets of a thousand users.
 */
export async function makeTransfers({ miniflare }: RunningPlatform, count: number): Promise<void> {
  const wallet = await miniflare.getD1Database("LEDGER_DB", "playhead-wallet");
  const savings = await miniflare.getD1Database("LEDGER_DB", "playhead-savings");
  const fromMs = Date.now() - 30 * DAY_MS;
  const each = count / USERS;
  for (const db of [wallet, savings]) await db.prepare("UPDATE change_stream SET enabled = 0").run();
  await wallet
    .prepare(ACCOUNTS)
    .bind(0, USERS - 1, fromMs, 0)
    .run();
  await savings
    .prepare(ACCOUNTS)
    .bind(0, USERS - 1, fromMs, each)
    .run();
  for (const sql of DEPOSITS) {
    const deposits = wallet.prepare(sql);
    await deposits.bind(0, USERS - 1, fromMs - DAY_MS, each).run();
  }
  for (let first = 0; first < count; first += CHUNK) {
    const range = [first, Math.min(count, first + CHUNK) - 1, fromMs] as const;
    const bookWallet = async (): Promise<void> => {
      for (const sql of [TRANSFERS, ...ENTRIES("+")])
        await wallet
          .prepare(sql)
          .bind(...range)
          .run();
    };
    const bookSavings = async (): Promise<void> => {
      for (const sql of ENTRIES("-"))
        await savings
          .prepare(sql)
          .bind(...range)
          .run();
    };
    await Promise.all([bookWallet(), bookSavings()]);
  }
  await wallet.batch([
    wallet.prepare(ADD).bind("clearing", count),
    wallet.prepare(ADD).bind("equity", -count),
  ]);
  await savings.prepare(ADD).bind("clearing", -count).run();
  for (const db of [wallet, savings]) await db.prepare("UPDATE change_stream SET enabled = 1").run();
}
