import { createMessageBatch } from "cloudflare:test";
import { env as anyEnv } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { wire } from "../../src/ledger/wire.ts";
import { meteredD1 } from "../support/metered-d1.ts";
import { disagreements } from "../support/statement-bounds.ts";
import { db, delivery, env, newId } from "./support/ledger-worker.ts";

/** docs/design/ledger.md */
const { STATEMENTS_DOC } = anyEnv as unknown as { readonly STATEMENTS_DOC: string };

const DAY_MS = 86_400_000;
/** Of each kind: more than any bound. */
const ROWS = 25_000;

/** As many rows of everything that grows; `count` of each kind. */
async function fill(count: number): Promise<void> {
  const nowMs = Date.now();
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
  const young = `printf('%08x-%04x-7000-8000-%012x', ${Math.floor(nowMs / 65_536)}, ${nowMs % 65_536}, i)`;
  const outbox = (prefix: string, state: string, nextAt: string, leased: string): string => `
    INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, leased_until, created_at, driven_at)
    ${numbers} SELECT '${prefix}' || i, 'user-' || i, 1, '${state}', 1, ${nextAt}, ${leased}, ${nowMs}, ${nowMs} FROM n`;
  const statements = [
    "UPDATE change_stream SET enabled = 0",
    `INSERT INTO account (id, user_id, kind, in_flight, opened_at) ${numbers} SELECT 'user:user-' || i, 'user-' || i, 'user', 1, 0 FROM n`,
    `INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) ${numbers}
      SELECT 'clearing', 'far-' || i, 1, 'user:user-' || i, ${nowMs} FROM n`,
    `INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at) ${numbers}
      SELECT 'user-' || i, 'far-' || i, 'transfer', 'k', 'h', 1, 'pending', ${nowMs} FROM n`,
    // Put off as the schedule does, put off by a wrong clock, leased though they are due, and parked.
    outbox("far-", "pending", String(nowMs + 200_000), "0"),
    outbox("wrong-", "pending", String(nowMs + 30 * DAY_MS), "0"),
    outbox("leased-", "pending", "1", String(nowMs + 15_000)),
    outbox("parked-", "parked", "1", "0"),
    // Old by their ids and by their time; young; old by their ids only, as what a slow clock has sent.
    `INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at) ${numbers}
      SELECT 'transfers', ${young}, 'credited', 't', ${nowMs} FROM n`,
    `INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at) ${numbers}
      SELECT 'transfers', '00000000-0000-7000-8000-' || printf('%012x', i), 'credited', 't', CASE i % 3 WHEN 0 THEN 0 ELSE ${nowMs} END FROM n`,
    `INSERT INTO change_log (account_id, transfer_id, amount, balance, at) ${numbers}
      SELECT 'user:user-' || i, 'far-' || i, 1, 1, CASE WHEN i <= 1500 THEN 0 ELSE ${nowMs} END FROM n`,
    "UPDATE change_stream SET published_seq = (SELECT max(seq) FROM change_log) - 2500",
    `INSERT INTO dead_letter (id, body, reason, attempts, at) ${numbers}
      SELECT 'letter-' || i, '{}', 'why', 1, CASE WHEN i <= 1500 THEN i ELSE ${nowMs} - i END FROM n`,
    // Refused long ago, and lately.
    `INSERT INTO refused (period, owner, key_digest, amount) ${numbers} SELECT i % 2 * ${Math.floor(nowMs / (30 * DAY_MS))}, 'user-' || i, 'k', 1 FROM n`,
    `INSERT INTO audit (id, at, actor, action, target, detail) ${numbers} SELECT 'audit-' || i, 0, 'op', 'deposit', 'x', '{}' FROM n`,
  ];
  for (const statement of statements) await db.prepare(statement).run();
}

describe("what a ledger does by itself", () => {
  it("reads no more rows than the design says of each statement, however much there is", async () => {
    await fill(ROWS);
    const { metered, statements } = meteredD1(db);
    const own = wire({ ...env, LEDGER_DB: metered });
    const consume = (queue: string, bodies: readonly unknown[]): Promise<void> =>
      own.consume(
        createMessageBatch(
          queue,
          bodies.map((body, index) => ({ id: `m-${queue}-${index}`, timestamp: new Date(), attempts: 1, body })),
        ),
      );
    await own.sweep(Date.now());
    await own.publishOnce();
    const message = delivery("user-7", 5);
    await consume("playhead-wallet-deliveries", [message, message, delivery("a-new-user", 5), { v: 99, transferId: newId(), attempt: 1 }]);
    await consume("playhead-wallet-deliveries-dead", [message]);
    for (const result of ["credited", "void"] as const)
      await own.settlement.report({ transferId: result === "void" ? "far-1" : "far-2", result });
    await own.settlement.report({ transferId: "far-3", result: "failed", attempt: 1, reason: "away", permanent: false });
    await own.settlement.report({ transferId: "far-4", result: "failed", attempt: 1, reason: "closed", permanent: true });
    await db.prepare("UPDATE outbox SET next_at = 0, attempts = 1000, driven_at = 0 WHERE id = 'far-5'").run();
    await db.prepare("UPDATE outbox SET next_at = 0 WHERE id = 'far-6'").run();
    await own.publishOnce();

    expect(disagreements(STATEMENTS_DOC, statements)).toEqual([]);
  });
});
