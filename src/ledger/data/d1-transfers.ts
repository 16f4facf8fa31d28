import { AMOUNT_MAX, peerOf, type LedgerName, type TransferView } from "../../contracts/ledger.ts";
import type { KeyedTransfer, NewDeposit, NewTransfer, TransferStore } from "../biz/ports.ts";
import { statusOf } from "../biz/transfers.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/d1-call.ts";
import { nextEntry, previousEntry } from "./entry-chain.ts";

/*
 * Every rule is a guard in SQL. The first statement writes the transfer with its outcome; the others ask whether *this* attempt's row (its id is new) is there
 * with the outcome they are for. So a key sent thirty times at once moves money once, and a refused one leaves its key behind.
 */

/** 1 owner, 2 id, 3 key, 4 payload hash, 5 amount, 6 now. */
const OPEN = `
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at)
  SELECT ?1, ?2, 'transfer', ?3, ?4, ?5,
    CASE WHEN EXISTS (SELECT 1 FROM account WHERE id = 'user:' || ?1 AND balance >= ?5) THEN 'pending' ELSE 'failed' END, ?6
  WHERE true ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`;
const OPENED = "EXISTS (SELECT 1 FROM transfer WHERE owner = ?1 AND id = ?2 AND outcome = 'pending')";
/** 1 owner, 2 id, 3 amount. */
const DEBIT = `UPDATE account SET balance = balance - ?3, in_flight = in_flight + ?3, ${nextEntry("?2")} WHERE id = 'user:' || ?1 AND ${OPENED}`;
const INTO_CLEARING = `UPDATE account SET balance = balance + ?3 WHERE id = 'clearing' AND ${OPENED}`;
/** 1 owner, 2 id, 3 amount, 4 now. */
const ENTRIES_OUT = `
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT 'user:' || ?1, ?2, -?3, 'clearing', ?4, ${previousEntry("'user:' || ?1")} WHERE ${OPENED}
  UNION ALL SELECT 'clearing', ?2, ?3, 'user:' || ?1, ?4, NULL WHERE ${OPENED}`;
/** 1 owner, 2 id, 3 amount, 4 now, 5 next at. */
const TO_OUTBOX = `
  INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at)
  SELECT ?2, ?1, ?3, 'pending', 1, ?5, ?4, ?4 WHERE ${OPENED}`;
/** 1 owner, 2 operation, 3 key. */
const BY_KEY = `
  SELECT t.id AS id, t.payload_hash AS payloadHash, t.outcome AS outcome, coalesce(o.state = 'parked', 0) AS parked
  FROM transfer t LEFT JOIN outbox o ON o.id = t.id
  WHERE t.owner = ?1 AND t.operation = ?2 AND t.idempotency_key = ?3`;

/** 1 actor, 2 id, 3 key, 4 payload hash, 5 amount, 6 now, 7 account. */
const OPEN_DEPOSIT = `
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at)
  SELECT ?1, ?2, 'deposit', ?3, ?4, ?5,
    CASE WHEN (SELECT balance FROM account WHERE id = 'equity') >= ?5 - ${AMOUNT_MAX}
      AND NOT EXISTS (SELECT 1 FROM account WHERE id = ?7 AND (closed_at IS NOT NULL OR balance > ${AMOUNT_MAX} - ?5))
    THEN 'settled' ELSE 'failed' END, ?6, ?6
  WHERE true ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`;
const DEPOSITED = "EXISTS (SELECT 1 FROM transfer WHERE owner = ?1 AND id = ?2 AND outcome = 'settled')";
/** 1 actor, 2 id, 3 account, 4 user, 5 now. */
const ACCOUNT_OF_DEPOSIT = `
  INSERT INTO account (id, user_id, kind, opened_at) SELECT ?3, ?4, 'user', ?5 WHERE ${DEPOSITED} ON CONFLICT (id) DO NOTHING`;
/** 1 actor, 2 id, 3 amount, 4 account, 5 now. */
const FROM_EQUITY = `UPDATE account SET balance = balance - ?3 WHERE id = 'equity' AND ${DEPOSITED}`;
const TO_ACCOUNT = `UPDATE account SET balance = balance + ?3, ${nextEntry("?2")} WHERE id = ?4 AND ${DEPOSITED}`;
const ENTRIES_OF_DEPOSIT = `
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT ?4, ?2, ?3, 'equity', ?5, ${previousEntry("?4")} WHERE ${DEPOSITED}
  UNION ALL SELECT 'equity', ?2, -?3, ?4, ?5, NULL WHERE ${DEPOSITED}`;
/** 1 actor, 2 id, 3 audit id, 4 user, 5 amount, 6 now. */
const AUDIT_DEPOSIT = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?3, ?6, ?1, 'deposit', ?4, json_object('amount', ?5, 'transferId', ?2) WHERE ${DEPOSITED}`;

const FUNDS = "SELECT balance, in_flight AS inFlight FROM account WHERE id = ?1";
const VIEW = `
  SELECT t.id AS id, t.amount AS amount, t.outcome AS outcome, t.created_at AS createdAtMs, t.ended_at AS endedAtMs,
    coalesce(o.state = 'parked', 0) AS parked
  FROM transfer t LEFT JOIN outbox o ON o.id = t.id
  WHERE t.owner = ?1 AND t.operation = 'transfer' AND t.outcome <> 'failed'`;

interface ViewRow {
  readonly id: string;
  readonly amount: number;
  readonly outcome: "pending" | "settled" | "refunded";
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  readonly parked: number;
}

type KeyedRow = Omit<KeyedTransfer, "parked"> & { readonly parked: number };

/** Name of a user's account. */
export function accountOf(userId: string): string {
  return `user:${userId}`;
}

/** What users and operators ask of one ledger's D1: each a single batch. */
export function d1Transfers(db: D1Database, ledger: LedgerName): TransferStore {
  const viewOf = ({ id, amount, outcome, createdAtMs, endedAtMs, parked }: ViewRow): TransferView => ({
    transferId: id,
    from: ledger,
    to: peerOf(ledger),
    amount,
    status: statusOf(outcome, parked === 1),
    createdAt: createdAtMs,
    ...(outcome === "settled" && endedAtMs !== null ? { settledAt: endedAtMs } : {}),
  });

  return {
    async open({ id, owner, key, payloadHash, amount, nowMs, nextAtMs }: NewTransfer) {
      const results = await d1Batch("open a transfer", db, [
        db.prepare(OPEN).bind(owner, id, key, payloadHash, amount, nowMs),
        db.prepare(DEBIT).bind(owner, id, amount),
        db.prepare(INTO_CLEARING).bind(owner, id, amount),
        db.prepare(ENTRIES_OUT).bind(owner, id, amount, nowMs),
        db.prepare(TO_OUTBOX).bind(owner, id, amount, nowMs, nextAtMs),
        db.prepare(BY_KEY).bind(owner, "transfer", key),
      ]);
      return keyedIn(results, 5);
    },

    async deposit({ id, actor, userId, key, payloadHash, amount, auditId, nowMs }: NewDeposit) {
      const account = accountOf(userId);
      const results = await d1Batch("deposit", db, [
        db.prepare(OPEN_DEPOSIT).bind(actor, id, key, payloadHash, amount, nowMs, account),
        db.prepare(ACCOUNT_OF_DEPOSIT).bind(actor, id, account, userId, nowMs),
        db.prepare(FROM_EQUITY).bind(actor, id, amount),
        db.prepare(TO_ACCOUNT).bind(actor, id, amount, account),
        db.prepare(ENTRIES_OF_DEPOSIT).bind(actor, id, amount, account, nowMs),
        db.prepare(AUDIT_DEPOSIT).bind(actor, id, auditId, userId, amount, nowMs),
        db.prepare(BY_KEY).bind(actor, "deposit", key),
        db.prepare(FUNDS).bind(account),
      ]);
      const [funds] = rowsOf<{ readonly balance: number }>(results, 7);
      return { ...keyedIn(results, 6), balance: funds?.balance ?? 0 };
    },

    async funds(userId) {
      const row = await d1Call("read an account", () =>
        db.prepare(FUNDS).bind(accountOf(userId)).first<{ balance: number; inFlight: number }>(),
      );
      return row ?? { balance: 0, inFlight: 0 };
    },

    async read(owner, id) {
      const row = await d1Call("read a transfer", () => db.prepare(`${VIEW} AND t.id = ?2`).bind(owner, id).first<ViewRow>());
      return row === null ? null : viewOf(row);
    },

    async list(owner, limit, before) {
      const page = before === null ? db.prepare(`${VIEW} ORDER BY t.id DESC LIMIT ?2`).bind(owner, limit) : null;
      const statement = page ?? db.prepare(`${VIEW} AND t.id < ?3 ORDER BY t.id DESC LIMIT ?2`).bind(owner, limit, before);
      const { results } = await d1Call("list transfers", () => statement.all<ViewRow>());
      return results.map(viewOf);
    },
  };
}

/** There always is a row by the key: the batch has just inserted it or found it there. */
function keyedIn(results: readonly D1Result[], index: number): KeyedTransfer {
  const [row] = rowsOf<KeyedRow>(results, index);
  if (row === undefined) throw new Error("a transfer was neither inserted nor found by its key");
  return { ...row, parked: row.parked === 1 };
}
