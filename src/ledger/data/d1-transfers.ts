import { peerOf, type LedgerName, type TransferView } from "../../contracts/ledger.ts";
import type { KeyedTransfer, NewTransfer, OpenedTransfer, TransferStore } from "../biz/ports.ts";
import { statusOf } from "../biz/transfers.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/database/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { accountOf, accountSql } from "./account-id.ts";
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

const KNOWN =
  "EXISTS (SELECT 1 FROM transfer WHERE owner = :owner AND operation = 'transfer' AND idempotency_key IN (:storedKey, :key))";
const REFUSED = `FROM refused WHERE period IN ${periodsAround(":period")} AND owner = :owner` as const;
const REFUSED_KEY = `${REFUSED} AND key_digest = substr(:storedKey, 2)` as const;
const RECEIVED =
  "EXISTS (SELECT 1 FROM received_key WHERE owner = :owner AND key_digest = substr(:storedKey, 2))";
const ACCOUNT = accountSql(":owner");
const PAYABLE = `EXISTS (SELECT 1 FROM account WHERE id = ${ACCOUNT} AND balance >= :amount)` as const;
const FROZEN = `EXISTS (SELECT 1 FROM account WHERE id = ${ACCOUNT} AND frozen_at IS NOT NULL)` as const;
const IS_NEW = `NOT ${KNOWN} AND NOT EXISTS (SELECT 1 ${REFUSED_KEY}) AND NOT ${RECEIVED}` as const;
const OPEN = namedSql(`
  INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at)
  SELECT :owner, :id, 'transfer', ${formToWrite(":storedKey", ":key")}, ${formToWrite(":payloadHash", ":longHash")}, :amount, 'pending', :nowMs
  WHERE ${PAYABLE} AND NOT ${FROZEN} AND ${IS_NEW} ON CONFLICT (owner, operation, idempotency_key) DO NOTHING`);
/**
 * What could not be paid. A CASE, since of terms joined by AND the database evaluates all: only who
 * is refused has their keys counted.
 */
const REFUSE = namedSql(`
  INSERT INTO refused (period, owner, key_digest, amount) SELECT :period, :owner, substr(:storedKey, 2), :amount
  WHERE CASE WHEN ${IS_NEW} AND NOT ${PAYABLE} AND NOT ${FROZEN} THEN (SELECT count(*) ${REFUSED}) < ${REFUSED_KEYS_MAX} ELSE 0 END
  ON CONFLICT (period, owner, key_digest) DO NOTHING`);
const WHY_NOT = namedSql(
  `SELECT (SELECT amount ${REFUSED_KEY}) AS refusedAmount, ${RECEIVED} AS isReceived, ${FROZEN} AS isFrozen`,
);
const OPENED = "EXISTS (SELECT 1 FROM transfer WHERE owner = :owner AND id = :id AND outcome = 'pending')";
const DEBIT = namedSql(
  `UPDATE account SET balance = balance - :amount, in_flight = in_flight + :amount, ${nextEntry(":id")} WHERE id = ${ACCOUNT} AND ${OPENED}`,
);
const INTO_CLEARING = namedSql(
  `UPDATE account SET balance = balance + :amount WHERE id = 'clearing' AND ${OPENED}`,
);
const ENTRIES_OUT = namedSql(`
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT ${ACCOUNT}, :id, -:amount, 'clearing', :nowMs, ${previousEntry(ACCOUNT)} WHERE ${OPENED}
  UNION ALL SELECT 'clearing', :id, :amount, ${ACCOUNT}, :nowMs, NULL WHERE ${OPENED}`);
const TO_OUTBOX = namedSql(`
  INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at)
  SELECT :id, :owner, :amount, 'pending', 1, :nextAtMs, :nowMs, :nowMs WHERE ${OPENED}`);
/** Left to itself the planner reads all that an owner has ever sent. */
const BY_KEY = namedSql(`
  SELECT t.id AS id, t.payload_hash AS payloadHash, t.outcome AS outcome, coalesce(o.state = 'parked', 0) AS parked
  FROM transfer t INDEXED BY transfer_key LEFT JOIN outbox o ON o.id = t.id
  WHERE t.owner = :owner AND t.operation = 'transfer' AND t.idempotency_key IN (:storedKey, :key) LIMIT 1`);

const FUNDS = namedSql("SELECT balance, in_flight AS inFlight FROM account WHERE id = :account");
const VIEW = `
  SELECT t.id AS id, t.amount AS amount, t.outcome AS outcome, t.created_at AS createdAtMs, t.ended_at AS endedAtMs,
    coalesce(o.state = 'parked', 0) AS parked, t.operation = 'transfer' AND t.outcome <> 'failed' AS isShown
  FROM transfer t LEFT JOIN outbox o ON o.id = t.id WHERE t.owner = :owner`;
const NAMED = namedSql(`${VIEW} AND t.id = :id`);
/**
 * With what is no transfer of theirs: no index leads past that, since it would cost each transfer a
 * row.
 */
const NEWEST = namedSql(`${VIEW} AND t.id < :before ORDER BY t.id DESC LIMIT :limit`);
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
      const batch = boundAll(
        db,
        [OPEN, DEBIT, INTO_CLEARING, ENTRIES_OUT, TO_OUTBOX, REFUSE, BY_KEY, WHY_NOT],
        {
          id,
          owner,
          key,
          storedKey: storedAs(keyDigest),
          payloadHash,
          longHash: longPayloadHash(["transfer", amount]),
          amount,
          period: periodOf(nowMs),
          nowMs,
          nextAtMs,
        },
      );
      const results = await d1Batch("open a transfer", db, batch);
      return openedIn(results, 6, transfer, keyDigest);
    },

    async funds(userId) {
      const row = await d1Call("read an account", () =>
        bound(db, FUNDS, { account: accountOf(userId) }).first<{ balance: number; inFlight: number }>(),
      );
      return row ?? { balance: 0, inFlight: 0 };
    },

    async read(owner, id) {
      const row = await d1Call("read a transfer", () => bound(db, NAMED, { owner, id }).first<ViewRow>());
      return row?.isShown === 1 ? viewOf(row) : null;
    },

    async list(owner, limit, before) {
      const shown = await pickedInSlices({
        limit,
        from: before ?? END,
        read: async (from, rows) =>
          (
            await d1Call("list transfers", () =>
              bound(db, NEWEST, { owner, before: from, limit: rows }).all<ViewRow>(),
            )
          ).results,
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
