import type { Delivery } from "../../src/ledger/biz/delivery.ts";
import type { Mutation, Rewrite } from "./ledger-world.ts";

/** Replaces one piece of SQL. A test insists that each fits some query: a mutation that no longer does is a mistake of this table. */
function without(fragment: string, instead = ""): Rewrite {
  return (query) => query.replaceAll(fragment, instead);
}

/** The same, only in queries that have `mark` in them. */
function within(mark: string, fragment: string | RegExp, instead = ""): Rewrite {
  return (query) => (query.includes(mark) ? query.replace(fragment, instead) : query);
}

/** Every guard of the ledgers, broken on purpose, one at a time. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "a transfer's statements ask for any pending transfer of the owner's, not for this attempt's",
    rewrites: [without("owner = ?1 AND id = ?2 AND outcome = 'pending'", "owner = ?1 AND outcome = 'pending'")],
  },
  {
    name: "a transfer is pending whatever the balance",
    rewrites: [within("'transfer', CASE", "balance >= ?5", "balance >= ?5 OR id = 'user:' || ?1")],
  },
  {
    name: "a key that failed is forgotten",
    rewrites: [
      without("AND NOT EXISTS (SELECT 1 FROM refused WHERE period IN (?8 - 1, ?8, ?8 + 1) AND owner = ?1 AND key_digest = substr(?3, 2))"),
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
  { name: "a credit does not ask for its own attempt token", rewrites: [without("AND attempt_token = ?2)", ")")] },
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
    rewrites: [within("SET balance = balance + ?4", /$/, " AND closed_at IS NULL AND balance < 150")],
  },
  { name: "a refund does not ask for the fence", peer: (peer) => ({ ...peer, fence: async () => "void" as const }) },
  {
    name: "a fence is answered and not written",
    rewrites: [
      within("'void', ?2, ?3", /^[\s\S]*$/, "SELECT ?1, ?2, ?3"),
      within(
        "coalesce(\n    (SELECT outcome FROM inbox",
        "(SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND amount < 0))",
        "(SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND amount < 0), 'void')",
      ),
    ],
  },
  {
    name: "a settlement does not ask whether the transfer is pending",
    rewrites: [within("in_flight = in_flight - (SELECT amount", / AND EXISTS \(SELECT 1 FROM transfer[\s\S]*$/)],
  },
  {
    name: "a reversal does not ask whether it is this one that reverses",
    rewrites: [within(", in_flight = in_flight - (SELECT amount", / AND EXISTS[\s\S]*$/)],
  },
  {
    name: "a lease is no compare-and-set",
    rewrites: [
      without("AND outbox.attempts = lease.value ->> '$.attempts'"),
      within("json_each(?1) AS lease", "AND outbox.leased_until <= ?2", "AND ?2 = ?2"),
    ],
  },
  {
    name: "a settled message stays in the outbox",
    rewrites: [within("DELETE FROM outbox WHERE id = ?1 AND EXISTS", /^[\s\S]*outcome = 'pending'\)$/, "SELECT ?1")],
  },
  {
    name: "what was credited is not confirmed",
    peer: (peer) => ({ ...peer, report: async (report) => (report.result === "credited" ? undefined : peer.report(report)) }),
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
      within("SELECT message_id, at FROM inbox", "message_id < ?1", "?1 = ?1"),
      within("DELETE FROM inbox", "at < ?4", "?4 = ?4"),
      without("AND NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1 AND amount < 0)"),
    ],
  },
];
