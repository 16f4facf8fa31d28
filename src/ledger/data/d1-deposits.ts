import { AMOUNT_MAX } from "../../contracts/ledger.ts";
import type { DepositReversal, DepositStore, KeyedDeposit, NewDeposit } from "../biz/ports.ts";
import { d1Batch, rowsOf } from "../../platform/d1-call.ts";
import { accountOf } from "./account-of.ts";
import { nextEntry, previousEntry } from "./entry-chain.ts";
import { comparable, longPayloadHash } from "./payload-hash.ts";
import { digestOfKey, formToWrite, storedAs } from "./stored-key.ts";

/*
 * Guards in SQL, as in `d1-transfers.ts`. What a deposit was refused for is written down with its
 * key, so that a refused one stays refused. A deposit is taken back by a correcting transfer of its
 * own, whose key is the deposit's id: so there is one at most. It is found by its entry on the
 * equity account.
 */

const DAY_MS = 86_400_000;
/** Sums of days are kept for longer than any clock goes wrong. */
const DAYS_KEPT = 400;

/**
 * 1 actor, 2 id, 3 key as a digest, 4 payload hash, 5 amount, 6 now, 7 account, 8 plain key, 9 most
 * of one, 10 day, 11 most of a day, 12 payload hash of the release before.
 */
const OPEN = `
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at, refusal)
  SELECT ?1, ?2, 'deposit', ${formToWrite("?3", "?8", "?6")}, ${formToWrite("?4", "?12", "?6")}, ?5, CASE WHEN refusal IS NULL THEN 'settled' ELSE 'failed' END, ?6, ?6, refusal
  FROM (SELECT CASE
    WHEN ?5 > ?9 THEN 'deposit_max'
    WHEN (SELECT balance FROM account WHERE id = 'equity') < ?5 - ${AMOUNT_MAX} THEN 'ledger_full'
    WHEN coalesce((SELECT amount FROM deposit_day WHERE day = ?10), 0) > ?11 - ?5 THEN 'day_max'
    WHEN EXISTS (SELECT 1 FROM account WHERE id = ?7 AND (closed_at IS NOT NULL OR balance > ${AMOUNT_MAX} - ?5)) THEN 'account'
    END AS refusal)
  WHERE NOT EXISTS (SELECT 1 FROM transfer WHERE owner = ?1 AND operation = 'deposit' AND idempotency_key IN (?3, ?8))
  ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`;
const DEPOSITED = "EXISTS (SELECT 1 FROM transfer WHERE owner = ?1 AND id = ?2 AND outcome = 'settled')";
/** 1 actor, 2 id, 3 account, 4 user, 5 now. */
const ACCOUNT = `
  INSERT INTO account (id, user_id, kind, opened_at) SELECT ?3, ?4, 'user', ?5 WHERE ${DEPOSITED} ON CONFLICT (id) DO NOTHING`;
/** 1 actor, 2 id, 3 amount, 4 account, 5 now. */
const FROM_EQUITY = `UPDATE account SET balance = balance - ?3 WHERE id = 'equity' AND ${DEPOSITED}`;
const TO_ACCOUNT = `UPDATE account SET balance = balance + ?3, ${nextEntry("?2")} WHERE id = ?4 AND ${DEPOSITED}`;
const ENTRIES = `
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT ?4, ?2, ?3, 'equity', ?5, ${previousEntry("?4")} WHERE ${DEPOSITED}
  UNION ALL SELECT 'equity', ?2, -?3, ?4, ?5, NULL WHERE ${DEPOSITED}`;
/** 1 actor, 2 id, 3 amount, 4 day. */
const INTO_DAY = `
  INSERT INTO deposit_day (day, amount) SELECT ?4, ?3 WHERE ${DEPOSITED} ON CONFLICT (day) DO UPDATE SET amount = amount + excluded.amount`;
const FORGET_DAYS = "DELETE FROM deposit_day WHERE day < ?1";
/** 1 actor, 2 id, 3 audit id, 4 user, 5 amount, 6 now. D1 binds every number as a double. */
const AUDIT = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?3, ?6, ?1, 'deposit', ?4, json_object('amount', CAST(?5 AS INTEGER), 'transferId', ?2) WHERE ${DEPOSITED}`;
/** 1 actor, 2 key as a digest, 3 plain key. */
const BY_KEY = `
  SELECT id, payload_hash AS payloadHash, outcome, refusal FROM transfer INDEXED BY transfer_key
  WHERE owner = ?1 AND operation = 'deposit' AND idempotency_key IN (?2, ?3) LIMIT 1`;
const BALANCE = "SELECT balance FROM account WHERE id = ?1";

/** 1 the deposit's id. */
const DEPOSIT =
  "FROM entry e JOIN account a ON a.id = e.contra_id WHERE e.account_id = 'equity' AND e.transfer_id = ?1 AND e.amount < 0";
/**
 * 1 the deposit's id, 2 the correcting transfer's id, 3 now. Written only where the account can pay
 * all of it.
 */
const OPEN_REVERSAL = `
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at)
  SELECT a.user_id, ?2, 'refund', ?1, '', -e.amount, 'settled', ?3, ?3 ${DEPOSIT} AND a.balance >= -e.amount
  ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`;
const REVERSED = `(SELECT id FROM transfer WHERE owner = (SELECT a.user_id ${DEPOSIT}) AND operation = 'refund' AND idempotency_key = ?1)`;
const REVERSING = `?2 = ${REVERSED}`;
/** 1 the deposit's id, 2 the correcting transfer's id. */
const FROM_ACCOUNT = `
  UPDATE account SET balance = balance + (SELECT e.amount ${DEPOSIT}), ${nextEntry("?2")} WHERE id = (SELECT e.contra_id ${DEPOSIT}) AND ${REVERSING}`;
const TO_EQUITY = `UPDATE account SET balance = balance - (SELECT e.amount ${DEPOSIT}) WHERE id = 'equity' AND ${REVERSING}`;
/** 1 the deposit's id, 2 the correcting transfer's id, 3 now. */
const ENTRIES_BACK = `
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT e.contra_id, ?2, e.amount, 'equity', ?3, ${previousEntry("e.contra_id")} ${DEPOSIT} AND ${REVERSING}
  UNION ALL SELECT 'equity', ?2, -e.amount, e.contra_id, ?3, NULL ${DEPOSIT} AND ${REVERSING}`;
/** 1 the deposit's id, 2 the correcting transfer's id, 3 now, 4 audit id, 5 actor. */
const AUDIT_REVERSAL = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?4, ?3, ?5, 'reverse-deposit', a.user_id, json_object('amount', -e.amount, 'depositId', ?1, 'transferId', ?2)
  ${DEPOSIT} AND ${REVERSING}`;
/** 1 the deposit's id. */
const REVERSAL = `SELECT a.balance AS balance, ${REVERSED} IS NOT NULL AS isReversed ${DEPOSIT}`;

type KeyedRow = Omit<KeyedDeposit, "balance">;

/** Deposits of one ledger's D1, and what takes them back. Each is a single batch. */
export function d1Deposits(db: D1Database): DepositStore {
  return {
    async deposit({ id, actor, userId, key, payloadHash, amount, auditId, nowMs, limits }: NewDeposit) {
      const account = accountOf(userId);
      const digest = storedAs(digestOfKey(key));
      const day = Math.floor(nowMs / DAY_MS);
      const before = longPayloadHash(["deposit", userId, amount]);
      const results = await d1Batch("deposit", db, [
        db
          .prepare(OPEN)
          .bind(
            actor,
            id,
            digest,
            payloadHash,
            amount,
            nowMs,
            account,
            key,
            limits.depositMax,
            day,
            limits.depositsPerDayMax,
            before,
          ),
        db.prepare(ACCOUNT).bind(actor, id, account, userId, nowMs),
        db.prepare(FROM_EQUITY).bind(actor, id, amount),
        db.prepare(TO_ACCOUNT).bind(actor, id, amount, account),
        db.prepare(ENTRIES).bind(actor, id, amount, account, nowMs),
        db.prepare(INTO_DAY).bind(actor, id, amount, day),
        db.prepare(FORGET_DAYS).bind(day - DAYS_KEPT),
        db.prepare(AUDIT).bind(actor, id, auditId, userId, amount, nowMs),
        db.prepare(BY_KEY).bind(actor, digest, key),
        db.prepare(BALANCE).bind(account),
      ]);
      const stored = keyedIn(results, 8);
      if (stored === null) throw new Error("a deposit was neither inserted nor found by its key");
      return stored;
    },

    async findDeposit(actor, userId, key) {
      const results = await d1Batch("find a deposit", db, [
        db.prepare(BY_KEY).bind(actor, storedAs(digestOfKey(key)), key),
        db.prepare(BALANCE).bind(accountOf(userId)),
      ]);
      return keyedIn(results, 0);
    },

    async reverseDeposit(depositId: string, { id, actor, auditId, nowMs }: DepositReversal) {
      const results = await d1Batch("reverse a deposit", db, [
        db.prepare(OPEN_REVERSAL).bind(depositId, id, nowMs),
        db.prepare(FROM_ACCOUNT).bind(depositId, id),
        db.prepare(TO_EQUITY).bind(depositId, id),
        db.prepare(ENTRIES_BACK).bind(depositId, id, nowMs),
        db.prepare(AUDIT_REVERSAL).bind(depositId, id, nowMs, auditId, actor),
        db.prepare(REVERSAL).bind(depositId),
      ]);
      const [row] = rowsOf<{ readonly balance: number; readonly isReversed: number }>(results, 5);
      return row === undefined ? null : { balance: row.balance, isReversed: row.isReversed === 1 };
    },
  };
}

/**
 * The row by the key, and the balance that the statement after it has read; null where the key is
 * new.
 */
function keyedIn(results: readonly D1Result[], index: number): KeyedDeposit | null {
  const [row] = rowsOf<KeyedRow>(results, index);
  if (row === undefined) return null;
  const [account] = rowsOf<{ readonly balance: number }>(results, index + 1);
  return { ...row, payloadHash: comparable(row.payloadHash), balance: account?.balance ?? 0 };
}
