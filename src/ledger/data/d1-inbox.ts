import { AMOUNT_MAX } from "../../contracts/ledger.ts";
import type { InboxStore, StoredOutcome } from "../biz/ports.ts";
import { readStoredOutcome } from "../biz/stored-outcome.ts";
import { d1Batch, rowsOf } from "../../platform/d1-call.ts";
import { accountOf } from "./account-of.ts";
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

/**
 * 1 message, 2 token, 3 now, 4 account, 5 amount. Nothing is written where the account can't take
 * the money.
 */
const TAKE = `
  INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at)
  SELECT '${CONSUMER}', ?1, 'credited', ?2, ?3
  WHERE NOT EXISTS (SELECT 1 FROM account WHERE id = ?4 AND (closed_at IS NOT NULL OR balance > ${AMOUNT_MAX} - ?5))
    AND NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND amount < 0)
  ON CONFLICT (consumer, message_id) DO NOTHING`;
const MINE = `EXISTS (SELECT 1 FROM inbox WHERE consumer = '${CONSUMER}' AND message_id = ?1 AND attempt_token = ?2)`;
/** 1 message, 2 token, 3 account, 4 user, 5 now. */
const ACCOUNT = `
  INSERT INTO account (id, user_id, kind, opened_at) SELECT ?3, ?4, 'user', ?5 WHERE ${MINE} ON CONFLICT (id) DO NOTHING`;
/** 1 message, 2 token, 3 account, 4 amount. */
const CREDIT = `UPDATE account SET balance = balance + ?4, ${nextEntry("?1")} WHERE id = ?3 AND ${MINE}`;
/** 1 message, 2 token, 3 amount. */
const FROM_CLEARING = `UPDATE account SET balance = balance - ?3 WHERE id = 'clearing' AND ${MINE}`;
/** 1 message, 2 token, 3 account, 4 amount, 5 now. */
const ENTRIES_IN = `
  INSERT INTO entry (account_id, transfer_id, amount, contra_id, at, previous_entry)
  SELECT ?3, ?1, ?4, 'clearing', ?5, ${previousEntry("?3")} WHERE ${MINE}
  UNION ALL SELECT 'clearing', ?1, -?4, ?3, ?5, NULL WHERE ${MINE}`;
/**
 * 1 message, 2 token, 3 user, 4 digest of the key or null: messages of the release before carry
 * none.
 */
const KEEP_KEY = `
  INSERT INTO received_key (owner, key_digest) SELECT ?3, ?4 WHERE ?4 IS NOT NULL AND ${MINE} ON CONFLICT (owner, key_digest) DO NOTHING`;
/** 1 message. */
const STORED = `
  SELECT coalesce(
    (SELECT outcome FROM inbox WHERE consumer = '${CONSUMER}' AND message_id = ?1),
    (SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND amount < 0)) AS outcome`;

/** 1 message, 2 token, 3 now. */
const FENCE = `
  INSERT INTO inbox (consumer, message_id, outcome, attempt_token, at)
  SELECT '${CONSUMER}', ?1, 'void', ?2, ?3
  WHERE NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND amount < 0)
  ON CONFLICT (consumer, message_id) DO NOTHING`;

/** The inbox of one ledger's D1. */
export function d1Inbox(db: D1Database): InboxStore {
  const storedIn = (results: readonly D1Result[], index: number): StoredOutcome | null => {
    const word = rowsOf<{ readonly outcome: string | null }>(results, index)[0]?.outcome ?? null;
    return word === null ? null : readStoredOutcome(word, "the inbox");
  };

  return {
    async credit({ transferId, userId, amount, keyDigest }, token, nowMs) {
      const account = accountOf(userId);
      const results = await d1Batch("credit a delivery", db, [
        db.prepare(TAKE).bind(transferId, token, nowMs, account, amount),
        db.prepare(ACCOUNT).bind(transferId, token, account, userId, nowMs),
        db.prepare(CREDIT).bind(transferId, token, account, amount),
        db.prepare(FROM_CLEARING).bind(transferId, token, amount),
        db.prepare(ENTRIES_IN).bind(transferId, token, account, amount, nowMs),
        db.prepare(KEEP_KEY).bind(transferId, token, userId, keyDigest ?? null),
        db.prepare(STORED).bind(transferId),
      ]);
      return storedIn(results, 6);
    },

    async fence(messageId, token, nowMs) {
      const results = await d1Batch("fence a transfer", db, [
        db.prepare(FENCE).bind(messageId, token, nowMs),
        db.prepare(STORED).bind(messageId),
      ]);
      const stored = storedIn(results, 1);
      if (stored === null) throw new Error("a fence was neither written nor found");
      return stored;
    },
  };
}
