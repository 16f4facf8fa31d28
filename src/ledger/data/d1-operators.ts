import type { LedgerOverview, OutboxMessage, OutboxState } from "../../contracts/ledger.ts";
import type { KeyedTransfer, OperatorStore } from "../biz/ports.ts";
import type { DrivenPlace } from "../biz/redrive-place.ts";
import { d1Batch, d1Call, gaveRow, rowsOf } from "../../platform/database/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { accountOf, BEFORE_USERS, ownerSql } from "./account-id.ts";
import { pickedInSlices } from "./picked-in-slices.ts";

const MESSAGE = `
  SELECT id AS transferId, user_id AS userId, amount, state AS status, attempts, last_error AS lastError,
    CASE state WHEN 'pending' THEN next_at END AS nextAttemptAt, created_at AS createdAt
  FROM outbox`;
const OUTBOX = namedSql(`${MESSAGE} WHERE id > :after ORDER BY id LIMIT :limit`);
const PARKED_BY_ID = namedSql(
  `${MESSAGE} INDEXED BY outbox_parked_id WHERE state = 'parked' AND id > :after ORDER BY id LIMIT :limit`,
);
const BY_IDS = namedSql("SELECT id FROM outbox WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id");
const PARKED = namedSql(`
  SELECT driven_at AS drivenAtMs, id FROM outbox
  WHERE state = 'parked' AND (driven_at, id) > (:drivenAtMs, :id) AND driven_at < :drivenBeforeMs ORDER BY driven_at, id LIMIT :limit`);

/** Written before the change: it says what was found. */
const AUDIT_REDRIVE = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'redrive', 'outbox', json_object('messages', json_group_array(json_object('id', id, 'state', state, 'attempts', attempts)))
  FROM outbox WHERE id IN (SELECT value FROM json_each(:ids))`);
const REDRIVE = namedSql(`
  UPDATE outbox SET state = 'pending', next_at = :nowMs, leased_until = 0, driven_at = :nowMs, attempts_before = attempts
  WHERE id IN (SELECT value FROM json_each(:ids)) RETURNING id`);

/** Written before the change, where there is one. */
const AUDIT_PARK = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'park', 'outbox', json_object('messages', json_group_array(json_object('id', id, 'attempts', attempts)))
  FROM outbox WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'pending' HAVING count(*) > 0`);
const PARK = namedSql(`
  UPDATE outbox SET state = 'parked', last_error = :reason, leased_until = 0
  WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'pending' RETURNING id`);

const SENT_TRANSFER = namedSql(`
  SELECT t.owner AS owner, t.outcome AS outcome, coalesce(o.state = 'parked', 0) AS parked
  FROM entry e JOIN transfer t ON t.owner = ${ownerSql("e.contra_id")} AND t.id = e.transfer_id LEFT JOIN outbox o ON o.id = t.id
  WHERE e.account_id = 'clearing' AND e.transfer_id = :id AND e.amount > 0 AND t.operation = 'transfer'`);

const AUDIT = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail) VALUES (:auditId, :nowMs, :actor, :action, :target, :detail)`);
/** A frozen account is closed as well. */
const SET_STATE = namedSql(`
  UPDATE account SET closed_at = CASE WHEN :state IN ('closed', 'frozen') THEN coalesce(closed_at, :nowMs) END,
    frozen_at = CASE :state WHEN 'frozen' THEN coalesce(frozen_at, :nowMs) END
  WHERE id = :account RETURNING id`);
const AUDIT_STATE = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :nowMs, :actor, 'set-account-state', user_id, json_object('state', :state) FROM account WHERE id = :account`);

/** An overview counts this far: it must not read a whole table. */
const COUNTED_MAX = 10_000;
const counted = <Rows extends string>(rows: Rows) =>
  `(SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT ${COUNTED_MAX}))` as const;
/**
 * The oldest message is looked for among those due first, which are all there are unless those are
 * counted to the end, and then among those first by id as well. No index has them by age: it would
 * cost each transfer two rows.
 */
const OVERVIEW = namedSql(`
  SELECT ${counted(`account WHERE id > ${BEFORE_USERS}`)} AS accounts, due.messages AS pending, ${counted("outbox WHERE state = 'parked'")} AS parked,
    due.oldest AS oldestDueMs, CASE due.messages WHEN ${COUNTED_MAX} THEN
      (SELECT min(created_at) FROM (SELECT state, created_at FROM outbox ORDER BY id LIMIT ${COUNTED_MAX}) WHERE state = 'pending')
    END AS oldestByIdMs,
    ${counted("dead_letter")} AS deadLetters,
    (SELECT coalesce(max(seq), 0) FROM change_log) AS newestSeq, (SELECT published_seq FROM change_stream) AS publishedSeq
  FROM (SELECT count(*) AS messages, min(created_at) AS oldest FROM (
    SELECT created_at FROM outbox WHERE state = 'pending' ORDER BY max(next_at, leased_until) LIMIT ${COUNTED_MAX})) AS due`);

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
      const read = async (page: D1PreparedStatement) =>
        (await d1Call("read the outbox", () => page.all<OutboxMessage>())).results;
      if (status === "parked") return read(bound(db, PARKED_BY_ID, { after: after ?? "", limit }));
      return pickedInSlices({
        limit,
        from: after ?? "",
        read: (from, rows) => read(bound(db, OUTBOX, { after: from, limit: rows })),
        placeOf: ({ transferId }) => transferId,
        isWanted: (message) => status === null || message.status === status,
      });
    },

    async redrivable(asked) {
      const { results } = await d1Call("read what to redrive", () =>
        bound(db, BY_IDS, { ids: JSON.stringify(asked) }).all<{ id: string }>(),
      );
      return ids(results);
    },

    async parked({ drivenAtMs, id }, beforeMs, limit) {
      const statement = bound(db, PARKED, { drivenAtMs, id, drivenBeforeMs: beforeMs, limit });
      const { results } = await d1Call("read what is parked", () => statement.all<DrivenPlace>());
      return results;
    },

    async redrive(which, audit) {
      const batch = boundAll(db, [AUDIT_REDRIVE, REDRIVE], {
        ids: JSON.stringify(which),
        auditId: audit.id,
        actor: audit.actor,
        nowMs: audit.atMs,
      });
      return ids(rowsOf(await d1Batch("redrive messages", db, batch), 1));
    },

    async park(which, reason, audit) {
      const batch = boundAll(db, [AUDIT_PARK, PARK], {
        ids: JSON.stringify(which),
        reason,
        auditId: audit.id,
        actor: audit.actor,
        nowMs: audit.atMs,
      });
      return ids(rowsOf(await d1Batch("park messages", db, batch), 1));
    },

    async sentTransfer(id) {
      const row = await d1Call("read a transfer", () =>
        bound(db, SENT_TRANSFER, { id }).first<{
          owner: string;
          outcome: KeyedTransfer["outcome"] | "failed";
          parked: number;
        }>(),
      );
      return row === null ? null : { ...row, parked: row.parked === 1 };
    },

    async auditRefund(id, result, { id: auditId, atMs: nowMs, actor }) {
      const detail = JSON.stringify({ result });
      await d1Call("audit a refund", () =>
        bound(db, AUDIT, { auditId, nowMs, actor, action: "refund", target: id, detail }).run(),
      );
    },

    async setAccountState(userId, state, { id: auditId, atMs: nowMs, actor }) {
      const account = accountOf(userId);
      const batch = boundAll(db, [SET_STATE, AUDIT_STATE], { account, state, auditId, actor, nowMs });
      return gaveRow(await d1Batch("set the state of an account", db, batch), 0);
    },

    async overview(nowMs): Promise<LedgerOverview> {
      const row = await d1Call("read the overview", () => bound(db, OVERVIEW).first<OverviewRow>());
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
