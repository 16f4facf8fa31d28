const DAY_MS = 86_400_000;

/** Who has as many movements, transfers and keys as there are rows of anything. */
export const HEAVY = "heavy";
/** Refused keys of one user: one less than anybody may hold. */
const REFUSED_KEYS = 999;
/** Kept sums of days. */
const DAYS = 400;

/**
 * Statements that bring rows `from` to `to` of everything in a ledger that grows, beside what is
 * there up to `from`.
 */
export function rowsOfEverything(from: number, to: number, nowMs: number): readonly string[] {
  const numbers = `WITH RECURSIVE n (i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to - 1})`;
  return [...sharedRows(numbers, nowMs), ...rowsOfHeavy(numbers, to, nowMs), ...smallTables(nowMs)];
}

/** What all users have together. */
function sharedRows(numbers: string, nowMs: number): readonly string[] {
  const young = `printf('%08x-%04x-7000-8000-%012x', ${Math.floor(nowMs / 65_536)}, ${nowMs % 65_536}, i)`;
  const old = "printf('00000000-0000-7000-8000-%012x', i)";
  const outbox = (id: string, state: string, nextAt: string, leased: string, createdAt: number): string => `
    INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, leased_until, created_at, driven_at)
    ${numbers} SELECT ${id}, 'user-' || i, 1, '${state}', 1, ${nextAt}, ${leased}, ${createdAt}, ${createdAt} FROM n`;
  const entries = (account: string, prefix: string, amount: number): string => `
    INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
    ${numbers} SELECT '${account}', '${prefix}' || i, ${amount}, 'user:user-' || i, ${nowMs}, '' FROM n`;
  return [
    "UPDATE change_stream SET enabled = 0",
    `INSERT INTO account (id, user_id, kind, balance, in_flight, opened_at) ${numbers} SELECT 'user:user-' || i, 'user-' || i, 'user', 1000, 1, 0 FROM n`,
    entries("clearing", "far-", 1),
    entries("equity", "paid-", -1),
    // More than a reconciliation sums up at once.
    ...["w-", "x-", "y-", "z-"].flatMap((prefix) => [
      entries("clearing", prefix, 1),
      entries("equity", prefix, -1),
    ]),
    ...["far-", "wrong-"].map(
      (
        prefix,
      ) => `INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at) ${numbers}
      SELECT 'user-' || i, '${prefix}' || i, 'transfer', '${prefix}', 'h', 1, 'pending', ${nowMs} FROM n`,
    ),
    // Put off as the schedule does, put off by a wrong clock, leased though they are due, and
    // parked: long ago, before all that is pending.
    outbox("'far-' || i", "pending", String(nowMs + 200_000), "0", nowMs),
    outbox("'wrong-' || i", "pending", String(nowMs + 30 * DAY_MS), "0", nowMs),
    outbox("'leased-' || i", "pending", "1", String(nowMs + 15_000), nowMs),
    outbox(old, "parked", "1", "0", 0),
    // Old by their ids and by their time; young; old by their ids only, as what a slow clock has
    // sent.
    `INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at) ${numbers}
      SELECT 'transfers', ${young}, 'credited', 't', ${nowMs} FROM n`,
    `INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at) ${numbers}
      SELECT 'transfers', ${old}, 'credited', 't', CASE i % 3 WHEN 0 THEN ${nowMs} ELSE 0 END FROM n`,
    `INSERT INTO change_log (account_id, transfer_id, amount, balance, at) ${numbers}
      SELECT 'user:user-' || i, 'far-' || i, 1, 1, CASE WHEN i <= 1000 THEN 0 ELSE ${nowMs} END FROM n`,
    "UPDATE change_stream SET published_seq = (SELECT max(seq) FROM change_log) - 1000",
    `INSERT INTO dead_letter (id, body, reason, attempts, at) ${numbers}
      SELECT 'letter-' || i, '{}', 'why', 1, CASE WHEN i <= 1000 THEN i ELSE ${nowMs} - i END FROM n`,
    // Refused long ago, and lately.
    `INSERT INTO refused (period, owner, key_digest, amount) ${numbers} SELECT i % 2 * ${Math.floor(nowMs / (30 * DAY_MS))}, 'user-' || i, 'k', 1 FROM n`,
    `INSERT INTO audit (id, at, actor, action, target, detail) ${numbers} SELECT 'audit-' || i, 0, 'op', 'deposit', 'x', '{}' FROM n`,
  ];
}

/**
 * As much in the hands of one: movements that name the one before them and that name none,
 * transfers, and behind them what a list of those does not show.
 */
function rowsOfHeavy(numbers: string, to: number, nowMs: number): readonly string[] {
  const transfers = (prefix: string, operation: string, outcome: string): string => `
    INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at)
    ${numbers} SELECT '${HEAVY}', '${prefix}' || i, '${operation}', '${prefix}' || i, 'h', 1, '${outcome}', 0 FROM n`;
  const entries = (prefix: string, previous: string): string => `
    INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
    ${numbers} SELECT 'user:${HEAVY}', '${prefix}' || i, 1, 'clearing', i, ${previous} FROM n`;
  const counterparts = (prefix: string): string => `
    INSERT INTO entry (account_id, transfer_id, amount, contra_id, at)
    ${numbers} SELECT 'clearing', '${prefix}' || i, -1, 'user:${HEAVY}', i FROM n`;
  return [
    `INSERT INTO account (id, user_id, kind, opened_at) VALUES ('user:${HEAVY}', '${HEAVY}', 'user', 0) ON CONFLICT (id) DO NOTHING`,
    entries("chained-", "CASE i WHEN 1 THEN '' ELSE 'chained-' || (i - 1) END"),
    entries("unchained-", "NULL"),
    ...["chained-", "unchained-", "a-sent-"].map(counterparts),
    `UPDATE account SET balance = 1000000, newest_entry = 'chained-${to - 1}', second_entry = 'chained-${to - 2}' WHERE id = 'user:${HEAVY}'`,
    transfers("chained-", "refund", "settled"),
    transfers("a-sent-", "transfer", "settled"),
    transfers("refused-", "transfer", "failed"),
    transfers("paid-", "deposit", "settled"),
    `INSERT INTO received_key (owner, key_digest) ${numbers} SELECT '${HEAVY}', 'received-' || i FROM n`,
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${REFUSED_KEYS})
      INSERT INTO refused (period, owner, key_digest, amount) SELECT ${Math.floor(nowMs / (30 * DAY_MS))}, '${HEAVY}', 'k' || i, 1 FROM n WHERE true
      ON CONFLICT (period, owner, key_digest) DO NOTHING`,
  ];
}

/** What grows with the days, and what has a most of its own. */
function smallTables(nowMs: number): readonly string[] {
  return [
    `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${DAYS}) INSERT INTO deposit_day (day, amount)
      SELECT ${Math.floor(nowMs / DAY_MS)} - i, 1 FROM n WHERE true ON CONFLICT (day) DO NOTHING`,
    `INSERT INTO reconciliation_open (id, counted) SELECT transfer_id, 0 FROM entry WHERE account_id = 'clearing' AND transfer_id LIKE 'far-%'
      ORDER BY transfer_id LIMIT 1000 - (SELECT count(*) FROM reconciliation_open)`,
  ];
}
