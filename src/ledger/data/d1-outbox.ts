import type { DueMessage, OutboxStore } from "../biz/ports.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/database/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { accountSql, ownerSql } from "./account-id.ts";
import { nextEntry, previousEntry } from "./entry-chain.ts";
import { digestIn } from "./stored-key.ts";

const MESSAGE = `
  SELECT id, user_id AS userId, amount, attempts, attempts_before AS attemptsBefore, created_at AS createdAtMs, driven_at AS drivenAtMs, last_error AS lastError,
    (SELECT idempotency_key FROM transfer WHERE owner = outbox.user_id AND id = outbox.id) AS storedKey
  FROM outbox`;
const NAMED = namedSql(`${MESSAGE} WHERE id = :id`);
type MessageRow = Omit<DueMessage, "keyDigest"> & { readonly storedKey: string | null };
/**
 * When a message is due: one that is leased not before its lease ends. Written as the index
 * `outbox_due_at` has it.
 */
const DUE_AT = "max(next_at, leased_until)";
const DUE = namedSql(
  `${MESSAGE} WHERE state = 'pending' AND ${DUE_AT} <= :nowMs ORDER BY ${DUE_AT} LIMIT :limit`,
);
/** A compare-and-set on the number of sends: of two publishers one gets each message. */
const LEASE = namedSql(`
  UPDATE outbox SET attempts = attempts + 1, leased_until = :untilMs, next_at = lease.value ->> '$.nextAtMs'
  FROM json_each(:leases) AS lease
  WHERE outbox.id = lease.value ->> '$.id' AND outbox.attempts = lease.value ->> '$.attempts'
    AND outbox.state = 'pending' AND outbox.leased_until <= :nowMs
  RETURNING outbox.id AS id`);
const PARK = namedSql(`
  UPDATE outbox SET state = 'parked', last_error = :reason, leased_until = 0 WHERE id = :id AND attempts = :attempts AND state = 'pending'`);
const RELEASE = namedSql(`
  UPDATE outbox SET last_error = :reason, leased_until = 0 WHERE id = :id AND attempts = :attempts AND state = 'pending' RETURNING next_at AS nextAtMs`);
/** A lease that lies as far ahead was set with the same reading. */
const RECALL = namedSql(`
  UPDATE outbox SET next_at = :nowMs, leased_until = 0 WHERE id IN (
    SELECT id FROM outbox WHERE state = 'pending' AND ${DUE_AT} > :beyondMs ORDER BY ${DUE_AT} DESC LIMIT :limit)`);
/** About what leaves in the minute until the next recall. */
const RECALLED_MAX = 3_000;
const NEXT_AT = namedSql(
  `SELECT ${DUE_AT} AS nextAtMs FROM outbox WHERE state = 'pending' ORDER BY ${DUE_AT} LIMIT 1`,
);

/*
 * A transfer that leaves this ledger is found through its entry on the clearing account, whose
 * other side is the owner's account.
 */
const OWNER =
  `(SELECT ${ownerSql("contra_id")} FROM entry WHERE account_id = 'clearing' AND transfer_id = :id AND amount > 0)` as const;
const PENDING =
  `EXISTS (SELECT 1 FROM transfer WHERE owner = ${OWNER} AND id = :id AND operation = 'transfer' AND outcome = 'pending')` as const;

const ARRIVED = namedSql(`
  UPDATE account SET in_flight = in_flight - (SELECT amount FROM entry WHERE account_id = 'clearing' AND transfer_id = :id)
  WHERE id = ${accountSql(OWNER)} AND ${PENDING}`);
const FORGET_MESSAGE = namedSql(`DELETE FROM outbox WHERE id = :id AND ${PENDING}`);
/** Last: what stands before it asks whether the transfer is pending. */
const SETTLED = namedSql(
  `UPDATE transfer SET outcome = 'settled', ended_at = :nowMs WHERE owner = ${OWNER} AND id = :id AND operation = 'transfer' AND outcome = 'pending' RETURNING owner AS userId, amount`,
);

/** The correcting transfer's key is the id of what it takes back, so there is one at most. */
const OPEN_REVERSAL = namedSql(`
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at)
  SELECT owner, :reversalId, 'refund', id, payload_hash, amount, 'settled', :nowMs, :nowMs
  FROM transfer WHERE owner = ${OWNER} AND id = :id AND operation = 'transfer' AND outcome = 'pending'
  ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`);
const REVERSING =
  `EXISTS (SELECT 1 FROM transfer WHERE owner = ${OWNER} AND id = :reversalId AND operation = 'refund')` as const;
const AMOUNT = "(SELECT amount FROM entry WHERE account_id = 'clearing' AND transfer_id = :id)";
const GIVE_BACK = namedSql(`
  UPDATE account SET balance = balance + ${AMOUNT}, in_flight = in_flight - ${AMOUNT}, ${nextEntry(":reversalId")} WHERE id = ${accountSql(OWNER)} AND ${REVERSING}`);
const OUT_OF_CLEARING = namedSql(
  `UPDATE account SET balance = balance - ${AMOUNT} WHERE id = 'clearing' AND ${REVERSING}`,
);
const ENTRIES_BACK = namedSql(`
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT contra_id, :reversalId, amount, 'clearing', :nowMs, ${previousEntry("entry.contra_id")} FROM entry WHERE account_id = 'clearing' AND transfer_id = :id AND ${REVERSING}
  UNION ALL
  SELECT 'clearing', :reversalId, -amount, contra_id, :nowMs, NULL FROM entry WHERE account_id = 'clearing' AND transfer_id = :id AND ${REVERSING}`);
const FORGET_REVERSED = namedSql(`DELETE FROM outbox WHERE id = :id AND ${REVERSING}`);
const REFUNDED = namedSql(`
  UPDATE transfer SET outcome = 'refunded', ended_at = :nowMs
  WHERE owner = ${OWNER} AND id = :id AND operation = 'transfer' AND outcome = 'pending' AND ${REVERSING}`);

function messageOf({ storedKey, ...message }: MessageRow): DueMessage {
  return { ...message, keyDigest: storedKey === null ? null : digestIn(storedKey) };
}

/** The outbox of one ledger's D1. */
export function d1Outbox(db: D1Database): OutboxStore {
  return {
    async due(nowMs, limit) {
      const { results } = await d1Call("read due messages", () =>
        bound(db, DUE, { nowMs, limit }).all<MessageRow>(),
      );
      return results.map(messageOf);
    },

    async lease(leases, nowMs, untilMs) {
      const statement = bound(db, LEASE, { leases: JSON.stringify(leases), nowMs, untilMs });
      const { results } = await d1Call("lease messages", () => statement.all<{ id: string }>());
      return results.map(({ id }) => id);
    },

    async park(id, attempts, reason) {
      await d1Call("park a message", () => bound(db, PARK, { id, attempts, reason }).run());
    },

    async nextAtMs() {
      const row = await d1Call("read the next due time", () =>
        bound(db, NEXT_AT).first<{ nextAtMs: number }>(),
      );
      return row?.nextAtMs ?? null;
    },

    async message(id) {
      const row = await d1Call("read a message", () => bound(db, NAMED, { id }).first<MessageRow>());
      return row === null ? null : messageOf(row);
    },

    async release(id, attempts, reason) {
      const statement = bound(db, RELEASE, { id, attempts, reason });
      const { results } = await d1Call("release a message", () => statement.all<{ nextAtMs: number }>());
      return results[0]?.nextAtMs ?? null;
    },

    async recall(beyondMs, nowMs) {
      await d1Call("recall messages", () =>
        bound(db, RECALL, { beyondMs, nowMs, limit: RECALLED_MAX }).run(),
      );
    },

    async settle(id, nowMs) {
      const batch = boundAll(db, [ARRIVED, FORGET_MESSAGE, SETTLED], { id, nowMs });
      const results = await d1Batch("settle a transfer", db, batch);
      const [settled] = rowsOf<{ userId: string; amount: number }>(results, 2);
      return settled === undefined ? null : { id, ...settled, settledAtMs: nowMs };
    },

    async reverse(id, reversal) {
      const batch = boundAll(
        db,
        [OPEN_REVERSAL, GIVE_BACK, OUT_OF_CLEARING, ENTRIES_BACK, FORGET_REVERSED, REFUNDED],
        { id, reversalId: reversal.id, nowMs: reversal.nowMs },
      );
      await d1Batch("reverse a transfer", db, batch);
    },
  };
}
