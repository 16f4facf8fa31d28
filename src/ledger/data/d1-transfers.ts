import { peerOf, type LedgerName, type TransferView } from "../../contracts/ledger.ts";
import type { KeyedTransfer, NewTransfer, OpenedTransfer, TransferStore } from "../biz/ports.ts";
import { statusOf } from "../biz/transfers.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/d1-call.ts";
import { accountOf } from "./account-of.ts";
import { d1Deposits } from "./d1-deposits.ts";
import { periodOf, periodsAround, REFUSED_KEYS_MAX } from "./d1-refused.ts";
import { nextEntry, previousEntry } from "./entry-chain.ts";
import { pickedInSlices } from "./picked-in-slices.ts";
import { comparable, longPayloadHash } from "./payload-hash.ts";
import { digestOfKey, formToWrite, storedAs } from "./stored-key.ts";

/*
 * Every rule is a guard in SQL. The first statement writes the transfer if it can be paid; the
 * others ask whether *this* attempt's row (its id is new) is there and pending. So a key sent
 * thirty times at once moves money once. One that is refused is written down apart, so that it
 * stays refused. `IS_NEW` keeps I31 and I35, `PAYABLE` I32, `OPENED` I33, `REFUSE` I34.
 */

/*
 * 1 owner, 2 id, 3 key as a digest, 4 payload hash, 5 amount, 6 now, 7 plain key, 8 period; the
 * first one also 9 payload hash of the release before.
 */
const KNOWN =
  "EXISTS (SELECT 1 FROM transfer WHERE owner = ?1 AND operation = 'transfer' AND idempotency_key IN (?3, ?7))";
const REFUSED = `FROM refused WHERE period IN ${periodsAround("?8")} AND owner = ?1`;
const REFUSED_KEY = `${REFUSED} AND key_digest = substr(?3, 2)`;
const RECEIVED = "EXISTS (SELECT 1 FROM received_key WHERE owner = ?1 AND key_digest = substr(?3, 2))";
const PAYABLE = "EXISTS (SELECT 1 FROM account WHERE id = 'user:' || ?1 AND balance >= ?5)";
const FROZEN = "EXISTS (SELECT 1 FROM account WHERE id = 'user:' || ?1 AND frozen_at IS NOT NULL)";
const IS_NEW = `NOT ${KNOWN} AND NOT EXISTS (SELECT 1 ${REFUSED_KEY}) AND NOT ${RECEIVED}`;
const OPEN = `
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at)
  SELECT ?1, ?2, 'transfer', ${formToWrite("?3", "?7", "?6")}, ${formToWrite("?4", "?9", "?6")}, ?5, 'pending', ?6
  WHERE ${PAYABLE} AND NOT ${FROZEN} AND ${IS_NEW} ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`;
/**
 * What could not be paid. A CASE, since of terms joined by AND the database evaluates all: only who
 * is refused has their keys counted.
 */
const REFUSE = `
  INSERT INTO refused (period, owner, key_digest, amount) SELECT ?8, ?1, substr(?3, 2), ?5
  WHERE CASE WHEN ${IS_NEW} AND NOT ${PAYABLE} AND NOT ${FROZEN} THEN (SELECT count(*) ${REFUSED}) < ${REFUSED_KEYS_MAX} ELSE 0 END
  ON CONFLICT (period, owner, key_digest) DO NOTHING`;
const WHY_NOT = `SELECT (SELECT amount ${REFUSED_KEY}) AS refusedAmount, ${RECEIVED} AS isReceived, ${FROZEN} AS isFrozen`;
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
/**
 * 1 owner, 2 key as a digest, 3 plain key. Left to itself the planner reads all that an owner has
 * ever sent.
 */
const BY_KEY = `
  SELECT t.id AS id, t.payload_hash AS payloadHash, t.outcome AS outcome, coalesce(o.state = 'parked', 0) AS parked
  FROM transfer t INDEXED BY transfer_key LEFT JOIN outbox o ON o.id = t.id
  WHERE t.owner = ?1 AND t.operation = 'transfer' AND t.idempotency_key IN (?2, ?3) LIMIT 1`;

const FUNDS = "SELECT balance, in_flight AS inFlight FROM account WHERE id = ?1";
const VIEW = `
  SELECT t.id AS id, t.amount AS amount, t.outcome AS outcome, t.created_at AS createdAtMs, t.ended_at AS endedAtMs,
    coalesce(o.state = 'parked', 0) AS parked, t.operation = 'transfer' AND t.outcome <> 'failed' AS isShown
  FROM transfer t LEFT JOIN outbox o ON o.id = t.id WHERE t.owner = ?1`;
/** 1 owner, 2 id. */
const NAMED = `${VIEW} AND t.id = ?2`;
/**
 * 1 owner, 2 before, 3 limit. With what is no transfer of theirs: no index leads past that, since
 * it would cost each transfer a row.
 */
const NEWEST = `${VIEW} AND t.id < ?2 ORDER BY t.id DESC LIMIT ?3`;
/** Behind every id. */
const END = "~";

interface ViewRow {
  readonly id: string;
  readonly amount: number;
  readonly outcome: "pending" | "settled" | "refunded";
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  readonly parked: number;
  /** Not of deposits, refunds, and what the release before has refused. */
  readonly isShown: number;
}

interface KeyedRow extends Pick<KeyedTransfer, "id" | "payloadHash"> {
  /** `failed` was written by the release before. */
  readonly outcome: KeyedTransfer["outcome"] | "failed";
  readonly parked: number;
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
    ...d1Deposits(db),

    async open(transfer: NewTransfer) {
      const { id, owner, key, payloadHash, amount, nowMs, nextAtMs } = transfer;
      const keyDigest = digestOfKey(key);
      const stored = storedAs(keyDigest);
      const asked = [owner, id, stored, payloadHash, amount, nowMs, key, periodOf(nowMs)] as const;
      const results = await d1Batch("open a transfer", db, [
        db.prepare(OPEN).bind(...asked, longPayloadHash(["transfer", amount])),
        db.prepare(DEBIT).bind(owner, id, amount),
        db.prepare(INTO_CLEARING).bind(owner, id, amount),
        db.prepare(ENTRIES_OUT).bind(owner, id, amount, nowMs),
        db.prepare(TO_OUTBOX).bind(owner, id, amount, nowMs, nextAtMs),
        db.prepare(REFUSE).bind(...asked),
        db.prepare(BY_KEY).bind(owner, stored, key),
        db.prepare(WHY_NOT).bind(...asked),
      ]);
      return openedIn(results, 6, transfer, keyDigest);
    },

    async funds(userId) {
      const row = await d1Call("read an account", () =>
        db.prepare(FUNDS).bind(accountOf(userId)).first<{ balance: number; inFlight: number }>(),
      );
      return row ?? { balance: 0, inFlight: 0 };
    },

    async read(owner, id) {
      const row = await d1Call("read a transfer", () => db.prepare(NAMED).bind(owner, id).first<ViewRow>());
      return row?.isShown === 1 ? viewOf(row) : null;
    },

    async list(owner, limit, before) {
      const shown = await pickedInSlices({
        limit,
        from: before ?? END,
        read: async (from, rows) =>
          (await d1Call("list transfers", () => db.prepare(NEWEST).bind(owner, from, rows).all<ViewRow>()))
            .results,
        placeOf: ({ id }) => id,
        isWanted: ({ isShown }) => isShown === 1,
      });
      return shown.map(viewOf);
    },
  };
}

/** The row by the key, written now or before; else what stood against it. */
function openedIn(
  results: readonly D1Result[],
  index: number,
  { amount, payloadHash }: Pick<NewTransfer, "amount" | "payloadHash">,
  keyDigest: string,
): OpenedTransfer {
  const [row] = rowsOf<KeyedRow>(results, index);
  if (row !== undefined) {
    const stored = comparable(row.payloadHash);
    if (row.outcome === "failed") return { outcome: "failed", payloadHash: stored };
    return { id: row.id, outcome: row.outcome, payloadHash: stored, parked: row.parked === 1, keyDigest };
  }
  const [why] = rowsOf<{
    readonly refusedAmount: number | null;
    readonly isReceived: number;
    readonly isFrozen: number;
  }>(results, index + 1);
  if (why === undefined) throw new Error("a transfer was neither taken nor refused");
  if (why.refusedAmount !== null) {
    return {
      outcome: "failed",
      payloadHash: why.refusedAmount === amount ? payloadHash : `for ${why.refusedAmount}`,
    };
  }
  if (why.isReceived === 1) return { outcome: "used_the_other_way" };
  return { outcome: why.isFrozen === 1 ? "frozen" : "too_many_refused" };
}
