import type { Delivery } from "../../../src/ledger/biz/delivery.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { within, without, type Mutation } from "./ledger-mutation.ts";

/** Who gets what was meant for anybody, where a mutation gives it to the wrong user. */
const ONE_USER = "u-ann";
const PAYABLE = "id = 'user:' || :owner AND balance >= :amount";
const CREDIT =
  "SET balance = balance + :amount, second_entry = newest_entry, newest_entry = :messageId WHERE id = :account AND EXISTS (SELECT 1 FROM inbox";
const AUDITED = ":auditId, :nowMs, :actor, :action, :target, :detail";

/** Guards of transfers, of deposits and of messages, broken on purpose, one at a time. */
export const MUTATIONS_OF_MESSAGES: readonly Mutation[] = [
  {
    name: "a transfer's statements ask for any pending transfer of the owner's, not for this attempt's",
    rewrites: [
      without(
        "owner = :owner AND id = :id AND outcome = 'pending'",
        "owner = :owner AND :id = :id AND outcome = 'pending'",
      ),
    ],
  },
  {
    name: "a transfer is pending whatever the balance",
    rewrites: [within("'pending', :nowMs", PAYABLE, `${PAYABLE} OR id = 'user:' || :owner`)],
  },
  {
    name: "a key that failed is forgotten",
    rewrites: [
      without(
        "AND NOT EXISTS (SELECT 1 FROM refused WHERE period IN (:period - 1, :period, :period + 1) AND owner = :owner AND key_digest = substr(:storedKey, 2))",
        "AND :period = :period",
      ),
    ],
  },
  {
    name: "the message is sent before the commit",
    transferStore: (store, sender, ledger) => ({
      ...store,
      open: async (transfer) => {
        const { id, owner, amount } = transfer;
        const early: Delivery = { v: 1, transferId: id, from: ledger, userId: owner, amount, attempt: 1 };
        await sender.send([early]).catch(() => undefined);
        return store.open(transfer);
      },
    }),
  },
  {
    name: "a credit does not ask for its own attempt token",
    misbooks: "transfers",
    rewrites: [without("AND attempt_token = :token)", "AND :token = :token)")],
  },
  {
    name: "the inbox is overwritten by whoever comes last",
    rewrites: [
      without(
        "ON CONFLICT (consumer, message_id) DO NOTHING",
        "ON CONFLICT (consumer, message_id) DO UPDATE SET outcome = excluded.outcome, attempt_token = excluded.attempt_token, at = excluded.at",
      ),
    ],
  },
  {
    name: "a closed account is credited in the books only",
    rewrites: [within(CREDIT, /$/, " AND closed_at IS NULL AND balance < 150")],
  },
  {
    name: "a refund does not ask for the fence",
    misbooks: "transfers",
    peer: (peer) => ({ ...peer, fence: async () => "void" as const }),
  },
  {
    name: "a fence is answered and not written",
    rewrites: [
      within("'void', :token, :nowMs", /^[\s\S]*$/, "SELECT ?1, ?2, ?3"),
      within(
        "coalesce(\n    (SELECT outcome FROM inbox",
        "(SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = :messageId AND amount < 0))",
        "(SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = :messageId AND amount < 0), 'void')",
      ),
    ],
  },
  {
    name: "a settlement does not ask whether the transfer is pending",
    rewrites: [
      within("in_flight = in_flight - (SELECT amount", / AND EXISTS \(SELECT 1 FROM transfer[\s\S]*$/),
    ],
  },
  {
    name: "a reversal does not ask whether it is this one that reverses",
    rewrites: [within(", in_flight = in_flight - (SELECT amount", / AND EXISTS[\s\S]*$/)],
  },
  {
    name: "a lease is no compare-and-set",
    rewrites: [
      without("AND outbox.attempts = lease.value ->> '$.attempts'"),
      within("json_each(:leases) AS lease", "AND outbox.leased_until <= :nowMs", "AND :nowMs = :nowMs"),
    ],
  },
  {
    name: "a settled message stays in the outbox",
    rewrites: [
      within("DELETE FROM outbox WHERE id = :id AND EXISTS", /^[\s\S]*outcome = 'pending'\)$/, "SELECT ?1"),
    ],
  },
  {
    name: "what was credited is not confirmed",
    peer: (peer) => ({
      ...peer,
      report: async (report) => (report.result === "credited" ? undefined : peer.report(report)),
    }),
  },
  { name: "nothing sends again: neither alarm nor cron", hasAlarm: false, hasCron: false },
  {
    name: "the cursor moves before the changes are published",
    changeStore: (store) => ({
      ...store,
      after: async (seq, limit) => {
        const changes = await store.after(seq, limit);
        const last = changes.at(-1);
        if (last !== undefined) await store.published(last.seq);
        return changes;
      },
    }),
  },
  {
    name: "the inbox is pruned at once, and the entries are not asked",
    rewrites: [
      within("SELECT message_id, at FROM inbox", "message_id < :firstKept", ":firstKept = :firstKept"),
      within("DELETE FROM inbox", "at < :beforeMs", ":beforeMs = :beforeMs"),
      without(
        "AND NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = :messageId AND amount < 0)",
      ),
    ],
  },
  {
    name: "a deposit is booked again by every retry",
    misbooks: "deposits",
    transferStore: (store) => ({
      ...store,
      deposit: (deposit) => store.deposit({ ...deposit, key: deposit.id }),
    }),
  },
  {
    name: "a deposit is booked twice as large",
    misbooks: "deposits",
    transferStore: (store) => ({
      ...store,
      deposit: (deposit) => store.deposit({ ...deposit, amount: amountOf(2 * deposit.amount) }),
    }),
  },
  {
    name: "every deposit goes to one user",
    misbooks: "deposits",
    transferStore: (store) => ({
      ...store,
      deposit: (deposit) => store.deposit({ ...deposit, userId: ONE_USER }),
    }),
  },
  {
    name: "no deposit is ever booked",
    rewrites: [within("'deposit'", "THEN 'settled' ELSE 'failed' END", "THEN 'failed' ELSE 'failed' END")],
  },
  {
    name: "no transfer is ever made",
    rewrites: [within("'pending', :nowMs", "WHERE EXISTS", "WHERE 0 AND EXISTS")],
  },
  {
    name: "a key is answered whatever it was used for",
    transferStore: (store) => ({
      ...store,
      open: async (transfer) => ({ ...(await store.open(transfer)), payloadHash: transfer.payloadHash }),
    }),
  },
  {
    name: "every credit goes to one user",
    misbooks: "transfers",
    inboxStore: (store) => ({
      ...store,
      credit: (delivery, token, nowMs) => store.credit({ ...delivery, userId: ONE_USER }, token, nowMs),
    }),
  },
  {
    name: "every refund goes to one user",
    misbooks: "transfers",
    rewrites: [
      within(
        ", in_flight = in_flight - (SELECT amount",
        /SET balance = balance \+ (\(.*?\)), in_flight = in_flight - \(.*?\), (second_entry.*?) WHERE id = ('user:' \|\| \(.*?\)) AND EXISTS/,
        `SET balance = balance + (id = 'user:${ONE_USER}') * $1, in_flight = in_flight - (id = $3) * $1, $2 WHERE id IN ($3, 'user:${ONE_USER}') AND EXISTS`,
      ),
      within(
        "-amount, contra_id, :nowMs",
        "SELECT contra_id, :reversalId, amount, 'clearing'",
        `SELECT 'user:${ONE_USER}', :reversalId, amount, 'clearing'`,
      ),
    ],
  },
  {
    name: "a closed account takes credits",
    rewrites: [within("INSERT INTO inbox", "closed_at IS NOT NULL OR ")],
  },
  { name: "a closed account takes deposits", rewrites: [within("'deposit'", "closed_at IS NOT NULL OR ")] },
  {
    name: "a message is parked whatever send failed",
    rewrites: [within("SET state = 'parked'", "AND attempts = :attempts ", "AND :attempts = :attempts ")],
  },
  {
    name: "a message is released whatever send failed",
    rewrites: [
      within("RETURNING next_at AS nextAtMs", "AND attempts = :attempts ", "AND :attempts = :attempts "),
    ],
  },
  {
    name: "the entries are not asked beside the inbox",
    misbooks: "transfers",
    isSlow: true,
    rewrites: [
      within(
        "'credited', :token, :nowMs",
        "AND NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = :messageId AND amount < 0)",
      ),
      // An account has one entry of a transfer: without this the database itself would refuse the
      // second.
      within(
        "SELECT :account, :messageId, :amount, 'clearing'",
        "INSERT INTO entry",
        "INSERT OR IGNORE INTO entry",
      ),
    ],
  },
  {
    name: "what a wrong clock has put off is not recalled",
    outboxStore: (store) => ({ ...store, recall: async () => undefined }),
  },
  {
    name: "the change stream tells movements the other way round",
    changeStore: (store) => ({
      ...store,
      after: async (seq, limit) =>
        (await store.after(seq, limit)).map((change) => ({ ...change, amount: -change.amount })),
    }),
  },
  {
    name: "the change stream tells another balance",
    rewrites: [without("c.balance AS balance", "c.amount AS balance")],
  },
  {
    name: "the change stream tells everything of one user",
    changeStore: (store) => ({
      ...store,
      after: async (seq, limit) =>
        (await store.after(seq, limit)).map((change) => ({ ...change, userId: ONE_USER })),
    }),
  },
  { name: "no dead letter is kept", deadLetters: (store) => ({ ...store, keep: async () => undefined }) },
  {
    name: "no deposit is audited",
    rewrites: [within(":actor, 'deposit', :userId", " WHERE EXISTS", " WHERE 0 AND EXISTS")],
  },
  { name: "no redrive is audited", rewrites: [within("'redrive', 'outbox'", /$/, " HAVING 0")] },
  {
    name: "no change of an account's state is audited",
    rewrites: [within("'set-account-state'", " WHERE id = :account", " WHERE 0 AND id = :account")],
  },
  {
    name: "no refund is audited",
    rewrites: [within("INSERT INTO audit", `VALUES (${AUDITED})`, `SELECT ${AUDITED} WHERE 0`)],
  },
  {
    name: "a redrive leaves the lease",
    rewrites: [within("SET state = 'pending', next_at = :nowMs", "leased_until = 0, ")],
  },
];
