import { AMOUNT_MAX } from "../../contracts/ledger.ts";
import type { DepositReversal, DepositStore, KeyedDeposit, NewDeposit } from "../biz/ports.ts";
import { d1Batch, rowsOf } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { accountOf } from "./account-id.ts";
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

const OPEN = namedSql(`
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at, refusal)
  SELECT :actor, :id, 'deposit', ${formToWrite(":storedKey", ":key")}, ${formToWrite(":payloadHash", ":longHash")}, :amount, CASE WHEN refusal IS NULL THEN 'settled' ELSE 'failed' END, :nowMs, :nowMs, refusal
  FROM (SELECT CASE
    WHEN :amount > :depositMax THEN 'deposit_max'
    WHEN (SELECT balance FROM account WHERE id = 'equity') < :amount - ${AMOUNT_MAX} THEN 'ledger_full'
    WHEN coalesce((SELECT amount FROM deposit_day WHERE day = :day), 0) > :perDayMax - :amount THEN 'day_max'
    WHEN EXISTS (SELECT 1 FROM account WHERE id = :account AND (closed_at IS NOT NULL OR balance > ${AMOUNT_MAX} - :amount)) THEN 'account'
    END AS refusal)
  WHERE NOT EXISTS (SELECT 1 FROM transfer WHERE owner = :actor AND operation = 'deposit' AND idempotency_key IN (:storedKey, :key))
  ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`);
const DEPOSITED = "EXISTS (SELECT 1 FROM transfer WHERE owner = :actor AND id = :id AND outcome = 'settled')";
const ACCOUNT = namedSql(`
  INSERT INTO account (id, user_id, kind, opened_at) SELECT :account, :userId, 'user', :nowMs WHERE ${DEPOSITED} ON CONFLICT (id) DO NOTHING`);
const FROM_EQUITY = namedSql(
  `UPDATE account SET balance = balance - :amount WHERE id = 'equity' AND ${DEPOSITED}`,
);
const TO_ACCOUNT = namedSql(
  `UPDATE account SET balance = balance + :amount, ${nextEntry(":id")} WHERE id = :account AND ${DEPOSITED}`,
);
const ENTRIES = namedSql(`
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT :account, :id, :amount, 'equity', :nowMs, ${previousEntry(":account")} WHERE ${DEPOSITED}
  UNION ALL SELECT 'equity', :id, -:amount, :account, :nowMs, NULL WHERE ${DEPOSITED}`);
const INTO_DAY = namedSql(`
  INSERT INTO deposit_day (day, amount) SELECT :day, :amount WHERE ${DEPOSITED} ON CONFLICT (day) DO UPDATE SET amount = amount + excluded.amount`);
const FORGET_DAYS = namedSql("DELETE FROM deposit_day WHERE day < :firstDayKept");
/** A CAST, since D1 binds every number as a double. */
const AUDIT = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'deposit', :userId, json_object('amount', CAST(:amount AS INTEGER), 'transferId', :id) WHERE ${DEPOSITED}`);
const BY_KEY = namedSql(`
  SELECT id, payload_hash AS payloadHash, outcome, refusal FROM transfer INDEXED BY transfer_key
  WHERE owner = :actor AND operation = 'deposit' AND idempotency_key IN (:storedKey, :key) LIMIT 1`);
const BALANCE = namedSql("SELECT balance FROM account WHERE id = :account");

const DEPOSIT =
  "FROM entry e JOIN account a ON a.id = e.contra_id WHERE e.account_id = 'equity' AND e.transfer_id = :depositId AND e.amount < 0";
/** Written only where the account can pay all of it. */
const OPEN_REVERSAL = namedSql(`
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at)
  SELECT a.user_id, :reversalId, 'refund', :depositId, '', -e.amount, 'settled', :nowMs, :nowMs ${DEPOSIT} AND a.balance >= -e.amount
  ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`);
const REVERSED =
  `(SELECT id FROM transfer WHERE owner = (SELECT a.user_id ${DEPOSIT}) AND operation = 'refund' AND idempotency_key = :depositId)` as const;
const REVERSING = `:reversalId = ${REVERSED}` as const;
const FROM_ACCOUNT = namedSql(`
  UPDATE account SET balance = balance + (SELECT e.amount ${DEPOSIT}), ${nextEntry(":reversalId")} WHERE id = (SELECT e.contra_id ${DEPOSIT}) AND ${REVERSING}`);
const TO_EQUITY = namedSql(
  `UPDATE account SET balance = balance - (SELECT e.amount ${DEPOSIT}) WHERE id = 'equity' AND ${REVERSING}`,
);
const ENTRIES_BACK = namedSql(`
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT e.contra_id, :reversalId, e.amount, 'equity', :nowMs, ${previousEntry("e.contra_id")} ${DEPOSIT} AND ${REVERSING}
  UNION ALL SELECT 'equity', :reversalId, -e.amount, e.contra_id, :nowMs, NULL ${DEPOSIT} AND ${REVERSING}`);
const AUDIT_REVERSAL = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'reverse-deposit', a.user_id, json_object('amount', -e.amount, 'depositId', :depositId, 'transferId', :reversalId)
  ${DEPOSIT} AND ${REVERSING}`);
const REVERSAL = namedSql(`SELECT a.balance AS balance, ${REVERSED} IS NOT NULL AS isReversed ${DEPOSIT}`);

type KeyedRow = Omit<KeyedDeposit, "balance">;

/** Deposits of one ledger's D1, and what takes them back. Each is a single batch. */
export function d1Deposits(db: D1Database): DepositStore {
  return {
    async deposit({ id, actor, userId, key, payloadHash, amount, auditId, nowMs, limits }: NewDeposit) {
      const day = Math.floor(nowMs / DAY_MS);
      const statements = [
        OPEN,
        ACCOUNT,
        FROM_EQUITY,
        TO_ACCOUNT,
        ENTRIES,
        INTO_DAY,
        FORGET_DAYS,
        AUDIT,
        BY_KEY,
        BALANCE,
      ] as const;
      const batch = boundAll(db, statements, {
        id,
        actor,
        userId,
        account: accountOf(userId),
        key,
        storedKey: storedAs(digestOfKey(key)),
        payloadHash,
        longHash: longPayloadHash(["deposit", userId, amount]),
        amount,
        depositMax: limits.depositMax,
        perDayMax: limits.depositsPerDayMax,
        day,
        firstDayKept: day - DAYS_KEPT,
        auditId,
        nowMs,
      });
      const stored = keyedIn(await d1Batch("deposit", db, batch), 8);
      if (stored === null) throw new Error("a deposit was neither inserted nor found by its key");
      return stored;
    },

    async findDeposit(actor, userId, key) {
      const batch = boundAll(db, [BY_KEY, BALANCE], {
        actor,
        key,
        storedKey: storedAs(digestOfKey(key)),
        account: accountOf(userId),
      });
      return keyedIn(await d1Batch("find a deposit", db, batch), 0);
    },

    async reverseDeposit(depositId: string, { id, actor, auditId, nowMs }: DepositReversal) {
      const batch = boundAll(
        db,
        [OPEN_REVERSAL, FROM_ACCOUNT, TO_EQUITY, ENTRIES_BACK, AUDIT_REVERSAL, REVERSAL],
        { depositId, reversalId: id, actor, auditId, nowMs },
      );
      const results = await d1Batch("reverse a deposit", db, batch);
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
