import type { DueMessage, OutboxStore } from "../biz/ports.ts";
import { d1Batch, d1Call } from "../../platform/d1-call.ts";
import { nextEntry, previousEntry } from "./entry-chain.ts";
import { digestIn } from "./stored-key.ts";

const MESSAGE = `
  SELECT id, user_id AS userId, amount, attempts, attempts_before AS attemptsBefore, created_at AS createdAtMs, driven_at AS drivenAtMs, last_error AS lastError,
    (SELECT idempotency_key FROM transfer WHERE owner = outbox.user_id AND id = outbox.id) AS storedKey
  FROM outbox`;
const NAMED = `${MESSAGE} WHERE id = ?1`;
type MessageRow = Omit<DueMessage, "keyDigest"> & { readonly storedKey: string | null };
/**
 * When a message is due: one that is leased not before its lease ends. Written as the index
 * `outbox_due_at` has it.
 */
const DUE_AT = "max(next_at, leased_until)";
const DUE = `${MESSAGE} WHERE state = 'pending' AND ${DUE_AT} <= ?1 ORDER BY ${DUE_AT} LIMIT ?2`;
/**
 * 1 leases as JSON, 2 now, 3 leased until. A compare-and-set on the number of sends: of two
 * publishers one gets each message.
 */
const LEASE = `
  UPDATE outbox SET attempts = attempts + 1, leased_until = ?3, next_at = lease.value ->> '$.nextAtMs'
  FROM json_each(?1) AS lease
  WHERE outbox.id = lease.value ->> '$.id' AND outbox.attempts = lease.value ->> '$.attempts'
    AND outbox.state = 'pending' AND outbox.leased_until <= ?2
  RETURNING outbox.id AS id`;
const PARK = `
  UPDATE outbox SET state = 'parked', last_error = ?3, leased_until = 0 WHERE id = ?1 AND attempts = ?2 AND state = 'pending'`;
const RELEASE = `
  UPDATE outbox SET last_error = ?3, leased_until = 0 WHERE id = ?1 AND attempts = ?2 AND state = 'pending' RETURNING next_at AS nextAtMs`;
/** 1 beyond, 2 now, 3 limit. A lease that lies as far ahead was set with the same reading. */
const RECALL = `
  UPDATE outbox SET next_at = ?2, leased_until = 0 WHERE id IN (
    SELECT id FROM outbox WHERE state = 'pending' AND ${DUE_AT} > ?1 ORDER BY ${DUE_AT} DESC LIMIT ?3)`;
/** About what leaves in the minute until the next recall. */
const RECALLED_MAX = 3_000;
const NEXT_AT = `SELECT ${DUE_AT} AS nextAtMs FROM outbox WHERE state = 'pending' ORDER BY ${DUE_AT} LIMIT 1`;

/*
 * A transfer that leaves this ledger is found through its entry on the clearing account, whose
 * other side is the owner's account.
 */
const OWNER =
  "(SELECT substr(contra_id, 6) FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND amount > 0)";
const PENDING = `EXISTS (SELECT 1 FROM transfer WHERE owner = ${OWNER} AND id = ?1 AND operation = 'transfer' AND outcome = 'pending')`;

/** 1 id. */
const ARRIVED = `
  UPDATE account SET in_flight = in_flight - (SELECT amount FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1)
  WHERE id = 'user:' || ${OWNER} AND ${PENDING}`;
const FORGET_MESSAGE = `DELETE FROM outbox WHERE id = ?1 AND ${PENDING}`;
/** 1 id, 2 now. Last: what stands before it asks whether the transfer is pending. */
const SETTLED = `UPDATE transfer SET outcome = 'settled', ended_at = ?2 WHERE owner = ${OWNER} AND id = ?1 AND operation = 'transfer' AND outcome = 'pending'`;

/**
 * 1 id, 2 the correcting transfer's id, 3 now. Its key is the id of what it takes back, so there is
 * one at most.
 */
const OPEN_REVERSAL = `
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at, ended_at)
  SELECT owner, ?2, 'refund', id, payload_hash, amount, 'settled', ?3, ?3
  FROM transfer WHERE owner = ${OWNER} AND id = ?1 AND operation = 'transfer' AND outcome = 'pending'
  ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`;
const REVERSING = `EXISTS (SELECT 1 FROM transfer WHERE owner = ${OWNER} AND id = ?2 AND operation = 'refund')`;
const AMOUNT = "(SELECT amount FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1)";
/** 1 id, 2 the correcting transfer's id. */
const GIVE_BACK = `
  UPDATE account SET balance = balance + ${AMOUNT}, in_flight = in_flight - ${AMOUNT}, ${nextEntry("?2")} WHERE id = 'user:' || ${OWNER} AND ${REVERSING}`;
const OUT_OF_CLEARING = `UPDATE account SET balance = balance - ${AMOUNT} WHERE id = 'clearing' AND ${REVERSING}`;
/** 1 id, 2 the correcting transfer's id, 3 now. */
const ENTRIES_BACK = `
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT contra_id, ?2, amount, 'clearing', ?3, ${previousEntry("entry.contra_id")} FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND ${REVERSING}
  UNION ALL
  SELECT 'clearing', ?2, -amount, contra_id, ?3, NULL FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND ${REVERSING}`;
const FORGET_REVERSED = `DELETE FROM outbox WHERE id = ?1 AND ${REVERSING}`;
const REFUNDED = `
  UPDATE transfer SET outcome = 'refunded', ended_at = ?3
  WHERE owner = ${OWNER} AND id = ?1 AND operation = 'transfer' AND outcome = 'pending' AND ${REVERSING}`;

function messageOf({ storedKey, ...message }: MessageRow): DueMessage {
  return { ...message, keyDigest: storedKey === null ? null : digestIn(storedKey) };
}

/** The outbox of one ledger's D1. */
export function d1Outbox(db: D1Database): OutboxStore {
  return {
    async due(nowMs, limit) {
      const { results } = await d1Call("read due messages", () =>
        db.prepare(DUE).bind(nowMs, limit).all<MessageRow>(),
      );
      return results.map(messageOf);
    },

    async lease(leases, nowMs, untilMs) {
      const statement = db.prepare(LEASE).bind(JSON.stringify(leases), nowMs, untilMs);
      const { results } = await d1Call("lease messages", () => statement.all<{ id: string }>());
      return results.map(({ id }) => id);
    },

    async park(id, attempts, reason) {
      await d1Call("park a message", () => db.prepare(PARK).bind(id, attempts, reason).run());
    },

    async nextAtMs() {
      const row = await d1Call("read the next due time", () =>
        db.prepare(NEXT_AT).first<{ nextAtMs: number }>(),
      );
      return row?.nextAtMs ?? null;
    },

    async message(id) {
      const row = await d1Call("read a message", () => db.prepare(NAMED).bind(id).first<MessageRow>());
      return row === null ? null : messageOf(row);
    },

    async release(id, attempts, reason) {
      const statement = db.prepare(RELEASE).bind(id, attempts, reason);
      const { results } = await d1Call("release a message", () => statement.all<{ nextAtMs: number }>());
      return results[0]?.nextAtMs ?? null;
    },

    async recall(beyondMs, nowMs) {
      await d1Call("recall messages", () => db.prepare(RECALL).bind(beyondMs, nowMs, RECALLED_MAX).run());
    },

    async settle(id, nowMs) {
      await d1Batch("settle a transfer", db, [
        db.prepare(ARRIVED).bind(id),
        db.prepare(FORGET_MESSAGE).bind(id),
        db.prepare(SETTLED).bind(id, nowMs),
      ]);
    },

    async reverse(id, reversal) {
      await d1Batch("reverse a transfer", db, [
        db.prepare(OPEN_REVERSAL).bind(id, reversal.id, reversal.nowMs),
        db.prepare(GIVE_BACK).bind(id, reversal.id),
        db.prepare(OUT_OF_CLEARING).bind(id, reversal.id),
        db.prepare(ENTRIES_BACK).bind(id, reversal.id, reversal.nowMs),
        db.prepare(FORGET_REVERSED).bind(id, reversal.id),
        db.prepare(REFUNDED).bind(id, reversal.id, reversal.nowMs),
      ]);
    },
  };
}
