import type { Delivery } from "../../src/ledger/biz/delivery.ts";
import type { Mutation } from "./ledger-world.ts";

/** Replaces one piece of SQL, and insists that it is there: a mutation that no longer fits is a mistake of the table. */
function without(fragment: string, instead = ""): (query: string) => string {
  return (query) => query.replaceAll(fragment, instead);
}

/** Every guard of the ledgers, broken on purpose, one at a time. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "a transfer's statements ask for any pending transfer of the owner's, not for this attempt's",
    rewrite: without("owner = ?1 AND id = ?2 AND outcome = 'pending'", "owner = ?1 AND outcome = 'pending'"),
  },
  {
    name: "a transfer is pending whatever the balance",
    rewrite: without("THEN 'pending' ELSE 'failed' END", "THEN 'pending' ELSE 'pending' END"),
  },
  {
    name: "a key that failed is forgotten",
    transferStore: (store) => ({
      ...store,
      open: async (transfer) => {
        const stored = await store.open(transfer);
        if (stored.outcome === "failed" && stored.id !== transfer.id) return store.open({ ...transfer, key: `${transfer.key}-again` });
        return stored;
      },
    }),
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
  { name: "a credit does not ask for its own attempt token", rewrite: without("AND attempt_token = ?2)", ")") },
  {
    name: "the inbox is overwritten by whoever comes last",
    rewrite: (query) => (query.includes("INSERT OR IGNORE INTO inbox") ? query.replace("OR IGNORE", "OR REPLACE") : query),
  },
  {
    name: "a closed account is credited in the books only",
    rewrite: (query) => (query.includes("SET balance = balance + ?4") ? `${query} AND closed_at IS NULL AND balance < 150` : query),
  },
  { name: "a refund does not ask for the fence", peer: (peer) => ({ ...peer, fence: async () => "void" as const }) },
  {
    name: "a fence is answered and not written",
    rewrite: (query) =>
      query.includes("'void', ?2, ?3")
        ? "SELECT ?1, ?2, ?3"
        : query.includes("coalesce(\n    (SELECT outcome FROM inbox")
          ? query.replace(
              "(SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1))",
              "(SELECT 'credited' FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1), 'void')",
            )
          : query,
  },
  {
    name: "a settlement does not ask whether the transfer is pending",
    rewrite: (query) =>
      query.includes("in_flight = in_flight - (SELECT amount") ? query.replace(/ AND EXISTS \(SELECT 1 FROM transfer[\s\S]*$/, "") : query,
  },
  {
    name: "a reversal does not ask whether it is this one that reverses",
    rewrite: (query) =>
      query.includes("in_flight = in_flight - (SELECT amount") && query.includes("balance = balance +")
        ? query.replace(/ AND EXISTS[\s\S]*$/, "")
        : query,
  },
  {
    name: "a lease is no compare-and-set",
    rewrite: (query) =>
      query.includes("json_each(?1) AS lease")
        ? query.replace("AND outbox.attempts = lease.value ->> '$.attempts'", "").replace("AND outbox.leased_until <= ?2", "AND ?2 = ?2")
        : query,
  },
  {
    name: "a settled message stays in the outbox",
    rewrite: (query) =>
      query.startsWith("DELETE FROM outbox WHERE id = ?1 AND EXISTS (SELECT 1 FROM transfer WHERE owner = (SELECT substr") &&
      query.includes("outcome = 'pending')")
        ? "SELECT ?1"
        : query,
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
    rewrite: (query) =>
      query.includes("DELETE FROM inbox")
        ? query.replace("message_id < ?1 AND at < ?2", "?1 = ?1 AND ?2 = ?2")
        : query.replace("AND NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1)", ""),
  },
];
