import type { LedgerOverview, OutboxMessage, OutboxState } from "../../contracts/ledger.ts";
import type { KeyedTransfer, OperatorStore } from "../biz/ports.ts";
import type { DrivenPlace } from "../biz/redrive-place.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/d1-call.ts";
import { accountOf } from "./account-of.ts";
import { pickedInSlices } from "./picked-in-slices.ts";

const MESSAGE = `
  SELECT id AS transferId, user_id AS userId, amount, state AS status, attempts, last_error AS lastError,
    CASE state WHEN 'pending' THEN next_at END AS nextAttemptAt, created_at AS createdAt
  FROM outbox`;
/** 1 after, 2 limit. */
const OUTBOX = `${MESSAGE} WHERE id > ?1 ORDER BY id LIMIT ?2`;
const PARKED_BY_ID = `${MESSAGE} INDEXED BY outbox_parked_id WHERE state = 'parked' AND id > ?1 ORDER BY id LIMIT ?2`;
const BY_IDS = "SELECT id FROM outbox WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id";
/** 1 driven at, 2 id, 3 driven before, 4 limit. */
const PARKED = `
  SELECT driven_at AS drivenAtMs, id FROM outbox
  WHERE state = 'parked' AND (driven_at, id) > (?1, ?2) AND driven_at < ?3 ORDER BY driven_at, id LIMIT ?4`;

/** 1 ids, 2 now, 3 audit id, 4 actor. Written before the change: it says what was found. */
const AUDIT_REDRIVE = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?3, ?2, ?4, 'redrive', 'outbox', json_object('messages', json_group_array(json_object('id', id, 'state', state, 'attempts', attempts)))
  FROM outbox WHERE id IN (SELECT value FROM json_each(?1))`;
const REDRIVE = `
  UPDATE outbox SET state = 'pending', next_at = ?2, leased_until = 0, driven_at = ?2, attempts_before = attempts
  WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id`;

/** 1 ids, 2 now, 3 audit id, 4 actor. Written before the change, where there is one. */
const AUDIT_PARK = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?3, ?2, ?4, 'park', 'outbox', json_object('messages', json_group_array(json_object('id', id, 'attempts', attempts)))
  FROM outbox WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'pending' HAVING count(*) > 0`;
/** 1 ids, 2 reason. */
const PARK = `
  UPDATE outbox SET state = 'parked', last_error = ?2, leased_until = 0
  WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'pending' RETURNING id`;

const SENT_TRANSFER = `
  SELECT t.owner AS owner, t.outcome AS outcome, coalesce(o.state = 'parked', 0) AS parked
  FROM entry e JOIN transfer t ON t.owner = substr(e.contra_id, 6) AND t.id = e.transfer_id LEFT JOIN outbox o ON o.id = t.id
  WHERE e.account_id = 'clearing' AND e.transfer_id = ?1 AND e.amount > 0 AND t.operation = 'transfer'`;

const AUDIT = "INSERT INTO audit (id, at, actor, action, target, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/** 1 account, 2 now, 3 state. A frozen account is closed as well. */
const SET_STATE = `
  UPDATE account SET closed_at = CASE WHEN ?3 IN ('closed', 'frozen') THEN coalesce(closed_at, ?2) END,
    frozen_at = CASE ?3 WHEN 'frozen' THEN coalesce(frozen_at, ?2) END
  WHERE id = ?1 RETURNING id`;
/** 1 account, 2 now, 3 state, 4 audit id, 5 actor. */
const AUDIT_STATE = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?4, ?2, ?5, 'set-account-state', user_id, json_object('state', ?3) FROM account WHERE id = ?1`;

/** An overview counts this far: it must not read a whole table. */
const COUNTED_MAX = 10_000;
const counted = (rows: string): string =>
  `(SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT ${COUNTED_MAX}))`;
/**
 * The oldest message is looked for among those due first, which are all there are unless those are
 * counted to the end, and then among those first by id as well. No index has them by age: it would
 * cost each transfer two rows.
 */
const OVERVIEW = `
  SELECT ${counted("account WHERE id > 'user:'")} AS accounts, due.messages AS pending, ${counted("outbox WHERE state = 'parked'")} AS parked,
    due.oldest AS oldestDueMs, CASE due.messages WHEN ${COUNTED_MAX} THEN
      (SELECT min(created_at) FROM (SELECT state, created_at FROM outbox ORDER BY id LIMIT ${COUNTED_MAX}) WHERE state = 'pending')
    END AS oldestByIdMs,
    ${counted("dead_letter")} AS deadLetters,
    (SELECT coalesce(max(seq), 0) FROM change_log) AS newestSeq, (SELECT published_seq FROM change_stream) AS publishedSeq
  FROM (SELECT count(*) AS messages, min(created_at) AS oldest FROM (
    SELECT created_at FROM outbox WHERE state = 'pending' ORDER BY max(next_at, leased_until) LIMIT ${COUNTED_MAX})) AS due`;

interface OverviewRow extends Omit<LedgerOverview, "oldestPendingMs" | "changes"> {
  readonly oldestDueMs: number | null;
  readonly oldestByIdMs: number | null;
  readonly newestSeq: number;
  readonly publishedSeq: number;
}

/** What operators read and change in one ledger's D1. */
export function d1Operators(db: D1Database): OperatorStore {
  const ids = (rows: readonly { readonly id: string }[]): readonly string[] => rows.map(({ id }) => id);
  return {
    async outbox(status: OutboxState | null, limit, after) {
      const read = async (query: D1PreparedStatement, from: string, rows: number) =>
        (await d1Call("read the outbox", () => query.bind(from, rows).all<OutboxMessage>())).results;
      if (status === "parked") return read(db.prepare(PARKED_BY_ID), after ?? "", limit);
      return pickedInSlices({
        limit,
        from: after ?? "",
        read: (from, rows) => read(db.prepare(OUTBOX), from, rows),
        placeOf: ({ transferId }) => transferId,
        isWanted: (message) => status === null || message.status === status,
      });
    },

    async redrivable(asked) {
      const { results } = await d1Call("read what to redrive", () =>
        db.prepare(BY_IDS).bind(JSON.stringify(asked)).all<{ id: string }>(),
      );
      return ids(results);
    },

    async parked({ drivenAtMs, id }, beforeMs, limit) {
      const statement = db.prepare(PARKED).bind(drivenAtMs, id, beforeMs, limit);
      const { results } = await d1Call("read what is parked", () => statement.all<DrivenPlace>());
      return results;
    },

    async redrive(which, audit) {
      const json = JSON.stringify(which);
      const results = await d1Batch("redrive messages", db, [
        db.prepare(AUDIT_REDRIVE).bind(json, audit.atMs, audit.id, audit.actor),
        db.prepare(REDRIVE).bind(json, audit.atMs),
      ]);
      return ids(rowsOf(results, 1));
    },

    async park(which, reason, audit) {
      const json = JSON.stringify(which);
      const results = await d1Batch("park messages", db, [
        db.prepare(AUDIT_PARK).bind(json, audit.atMs, audit.id, audit.actor),
        db.prepare(PARK).bind(json, reason),
      ]);
      return ids(rowsOf(results, 1));
    },

    async sentTransfer(id) {
      const row = await d1Call("read a transfer", () =>
        db
          .prepare(SENT_TRANSFER)
          .bind(id)
          .first<{ owner: string; outcome: KeyedTransfer["outcome"] | "failed"; parked: number }>(),
      );
      return row === null ? null : { ...row, parked: row.parked === 1 };
    },

    async auditRefund(id, result, { id: auditId, atMs, actor }) {
      const detail = JSON.stringify({ result });
      await d1Call("audit a refund", () =>
        db.prepare(AUDIT).bind(auditId, atMs, actor, "refund", id, detail).run(),
      );
    },

    async setAccountState(userId, state, { id, atMs, actor }) {
      const account = accountOf(userId);
      const results = await d1Batch("set the state of an account", db, [
        db.prepare(SET_STATE).bind(account, atMs, state),
        db.prepare(AUDIT_STATE).bind(account, atMs, state, id, actor),
      ]);
      return rowsOf(results, 0).length > 0;
    },

    async overview(nowMs): Promise<LedgerOverview> {
      const row = await d1Call("read the overview", () => db.prepare(OVERVIEW).first<OverviewRow>());
      if (row === null) throw new Error("the overview has no row");
      const { oldestDueMs, oldestByIdMs, newestSeq, publishedSeq, ...counts } = row;
      return {
        ...counts,
        oldestPendingMs: Math.max(0, nowMs - Math.min(oldestDueMs ?? nowMs, oldestByIdMs ?? nowMs)),
        changes: { newestSeq, publishedSeq },
      };
    },
  };
}
