import { within, without, type Mutation } from "./ledger-mutation.ts";

/** Who gets, and pays, what was meant for anybody, where a mutation takes the wrong user. */
const ONE_USER = "u-ann";
const IS_FROZEN = "EXISTS (SELECT 1 FROM account WHERE id = 'user:' || :owner AND frozen_at IS NOT NULL)";
/** Where a statement asks whether it is this attempt that takes the deposit back. */
const MINE = "AND :reversalId = (SELECT id FROM transfer";

/**
 * Guards of what operators do to accounts, deposits and messages, broken on purpose, one at a time.
 */
export const MUTATIONS_OF_OPERATORS: readonly Mutation[] = [
  { name: "a frozen account sends", rewrites: [within("'pending', :nowMs", ` AND NOT ${IS_FROZEN}`)] },
  {
    name: "a frozen account takes credits",
    rewrites: [
      within(
        "INSERT INTO inbox",
        "closed_at IS NOT NULL OR",
        "(closed_at IS NOT NULL AND frozen_at IS NULL) OR",
      ),
    ],
  },
  {
    name: "a frozen account takes deposits",
    rewrites: [
      within("'deposit'", "closed_at IS NOT NULL OR", "(closed_at IS NOT NULL AND frozen_at IS NULL) OR"),
    ],
  },
  {
    name: "what is to be frozen is closed only",
    rewrites: [without("CASE :state WHEN 'frozen' THEN coalesce(frozen_at, :nowMs) END", "NULL")],
  },
  {
    name: "what is frozen is not closed",
    rewrites: [without(":state IN ('closed', 'frozen')", ":state = 'closed'")],
  },
  {
    name: "a frozen account is never open again",
    rewrites: [
      without(
        "CASE :state WHEN 'frozen' THEN coalesce(frozen_at, :nowMs) END",
        "coalesce(frozen_at, CASE :state WHEN 'frozen' THEN :nowMs END)",
      ),
    ],
  },
  {
    name: "a frozen account uses up keys that it could not pay",
    rewrites: [within("INSERT INTO refused", ` AND NOT ${IS_FROZEN}`)],
  },
  {
    name: "a frozen account answers no key that was known",
    transferStore: (store) => ({
      ...store,
      open: async (transfer) => {
        const opened = await store.open(transfer);
        const isOld = opened.outcome === "settled" || opened.outcome === "refunded";
        return isOld ? { outcome: "frozen" } : opened;
      },
    }),
  },
  {
    name: "a reversal is booked again by every retry",
    misbooks: "deposits",
    rewrites: [within("'equity'", MINE, "AND :reversalId = :reversalId AND EXISTS (SELECT id FROM transfer")],
  },
  {
    name: "a reversal takes from one user",
    misbooks: "deposits",
    rewrites: [
      within(
        "SET balance = balance + (SELECT e.amount",
        "WHERE id = (SELECT e.contra_id",
        `WHERE id = (SELECT 'user:${ONE_USER}'`,
      ),
      within(
        "SELECT e.contra_id, :reversalId, e.amount, 'equity'",
        "SELECT e.contra_id, :reversalId",
        `SELECT 'user:${ONE_USER}', :reversalId`,
      ),
    ],
  },
  {
    name: "a reversal leaves a cent",
    misbooks: "deposits",
    rewrites: [
      without("balance + (SELECT e.amount FROM", "balance + (SELECT e.amount + 1 FROM"),
      without("balance - (SELECT e.amount FROM", "balance - (SELECT e.amount + 1 FROM"),
      without(
        "SELECT e.contra_id, :reversalId, e.amount, 'equity'",
        "SELECT e.contra_id, :reversalId, e.amount + 1, 'equity'",
      ),
      without(
        "SELECT 'equity', :reversalId, -e.amount, e.contra_id",
        "SELECT 'equity', :reversalId, -e.amount - 1, e.contra_id",
      ),
    ],
  },
  {
    name: "a reversal does not ask what the account has",
    rewrites: [without(" AND a.balance >= -e.amount")],
  },
  {
    name: "a reversal asks for more than the deposit",
    rewrites: [without("a.balance >= -e.amount", "a.balance >= 1000000 - e.amount")],
  },
  {
    name: "a reversal asks whether the account is open",
    rewrites: [without("a.balance >= -e.amount", "a.balance >= -e.amount AND a.closed_at IS NULL")],
  },
  {
    name: "a reversal does not go back into equity",
    rewrites: [within("SET balance = balance - (SELECT e.amount", MINE, `AND 0 ${MINE}`)],
  },
  {
    name: "a reversal is told and not booked",
    misbooks: "deposits",
    transferStore: (store) => ({ ...store, reverseDeposit: async () => ({ balance: 0, isReversed: true }) }),
  },
  {
    name: "a reversal is booked and refused",
    misbooks: "deposits",
    transferStore: (store) => ({
      ...store,
      reverseDeposit: async (depositId, reversal) => {
        const stored = await store.reverseDeposit(depositId, reversal);
        return stored === null ? null : { ...stored, isReversed: false };
      },
    }),
  },
  {
    name: "a reversal is answered by what the account has now",
    rewrites: [without("IS NOT NULL AS isReversed", "IS NOT NULL AND a.balance >= -e.amount AS isReversed")],
  },
  {
    name: "a reversal can be taken back",
    rewrites: [without("e.transfer_id = :depositId AND e.amount < 0", "e.transfer_id = :depositId")],
  },
  { name: "no reversal is audited", rewrites: [within("'reverse-deposit'", MINE, `AND 0 ${MINE}`)] },
  {
    name: "a day forgets its deposits",
    rewrites: [within("INSERT INTO deposit_day", " WHERE EXISTS", " WHERE 0 AND EXISTS")],
  },
  {
    name: "no order to park is audited",
    rewrites: [within("'park', 'outbox'", "HAVING count(*) > 0", "HAVING 0")],
  },
];
