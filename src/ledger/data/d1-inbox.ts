import { AMOUNT_MAX } from "../../contracts/ledger.ts";
import type { InboxStore, StoredOutcome } from "../biz/ports.ts";
import { readStoredOutcome } from "../biz/stored-outcome.ts";
import { d1Batch, rowsOf } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { accountOf } from "./account-id.ts";
import { nextEntry, previousEntry } from "./entry-chain.ts";

/** Whose messages they are: another kind of message would have a consumer of its own. */
export const CONSUMER = "transfers";

/*
 * `OR IGNORE` would also swallow what NOT NULL and CHECK refuse, and report it as done; so here and
 * in the other files a conflict is ignored by the name of its key. The inbox row is written once,
 * with the token of the attempt that wrote it; whatever else an attempt does asks for its own
 * token. An inbox row that has been pruned is not missed: the entry it led to stays, and an entry
 * of that transfer out of the clearing account stands for "credited". One *into* it is a transfer
 * that left this ledger, and says nothing about what came in.
 */

/** Nothing is written where the account can't take the money. */
const TAKE = namedSql(`
  INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at)
  SELECT '${CONSUMER}', :messageId, 'credited', :token, :nowMs
  WHERE NOT EXISTS (SELECT 1 FROM account WHERE id = :account AND (closed_at IS NOT NULL OR balance > ${AMOUNT_MAX} - :amount))
    AND NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = :messageId AND amount < 0)
  ON CONFLICT (consumer, message_id) DO NOTHING`);
const MINE =
  `EXISTS (SELECT 1 FROM inbox WHERE consumer = '${CONSUMER}' AND message_id = :messageId AND attempt_token = :token)` as const;
const ACCOUNT = namedSql(`
  INSERT INTO account (id, user_id, kind, opened_at) SELECT :account, :userId, 'user', :nowMs WHERE ${MINE} ON CONFLICT (id) DO NOTHING`);
const CREDIT = namedSql(
  `UPDATE account SET balance = balance + :amount, ${nextEntry(":messageId")} WHERE id = :account AND ${MINE}`,
);
const FROM_CLEARING = namedSql(
  `UPDATE account SET balance = balance - :amount WHERE id = 'clearing' AND ${MINE}`,
);
const ENTRIES_IN = namedSql(`
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT :account, :messageId, :amount, 'clearing', :nowMs, ${previousEntry(":account")} WHERE ${MINE}
  UNION ALL SELECT 'clearing', :messageId, -:amount, :account, :nowMs, NULL WHERE ${MINE}`);
/** Messages of the release before carry no digest: it is null. */
const KEEP_KEY = namedSql(`
  INSERT INTO received_key (owner, key_digest) SELECT :userId, :keyDigest WHERE :keyDigest IS NOT NULL AND ${MINE} ON CONFLICT (owner, key_digest) DO NOTHING`);
const STORED = namedSql(`
  SELECT coalesce(
    (SELECT outcome FROM inbox WHERE consumer = '${CONSUMER}' AND message_id = :messageId),
    (SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = :messageId AND amount < 0)) AS outcome`);

const FENCE = namedSql(`
  INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at)
  SELECT '${CONSUMER}', :messageId, 'void', :token, :nowMs
  WHERE NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = :messageId AND amount < 0)
  ON CONFLICT (consumer, message_id) DO NOTHING`);

/** The inbox of one ledger's D1. */
export function d1Inbox(db: D1Database): InboxStore {
  const storedIn = (results: readonly D1Result[], index: number): StoredOutcome | null => {
    const word = rowsOf<{ readonly outcome: string | null }>(results, index)[0]?.outcome ?? null;
    return word === null ? null : readStoredOutcome(word, "the inbox");
  };

  return {
    async credit({ transferId, userId, amount, keyDigest = null }, token, nowMs) {
      const statements = [TAKE, ACCOUNT, CREDIT, FROM_CLEARING, ENTRIES_IN, KEEP_KEY, STORED] as const;
      const batch = boundAll(db, statements, {
        messageId: transferId,
        token,
        userId,
        account: accountOf(userId),
        amount,
        keyDigest,
        nowMs,
      });
      return storedIn(await d1Batch("credit a delivery", db, batch), 6);
    },

    async fence(messageId, token, nowMs) {
      const batch = boundAll(db, [FENCE, STORED], { messageId, token, nowMs });
      const results = await d1Batch("fence a transfer", db, batch);
      const stored = storedIn(results, 1);
      if (stored === null) throw new Error("a fence was neither written nor found");
      return stored;
    },
  };
}
