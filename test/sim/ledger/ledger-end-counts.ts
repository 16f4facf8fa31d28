import { LEDGERS } from "../../../src/contracts/ledger.ts";
import { numberIn, rowsIn } from "./ledger-rows.ts";
import type { LedgerWorld } from "./sim-ledger.ts";

const TRANSFERS = "SELECT count(*) FROM transfer WHERE operation = 'transfer' AND outcome = ?1";
const CREDITS_WITHOUT_INBOX = `SELECT count(*) FROM entry WHERE account_id = 'clearing' AND amount < 0
  AND transfer_id NOT IN (SELECT id FROM transfer) AND transfer_id NOT IN (SELECT message_id FROM inbox)`;

/** Counts what can be told at the end. */
export function countEnd({ kernel, ledgers, counters: { note } }: LedgerWorld): void {
  note("effect came late", kernel.late.effects);
  note("effect came after its caller's death", kernel.late.orphans);
  for (const name of LEDGERS) {
    const ledger = ledgers[name];
    note("transfer settled", numberIn(ledger, TRANSFERS, "settled"));
    note("transfer refunded", numberIn(ledger, TRANSFERS, "refunded"));
    note("transfer rejected: INSUFFICIENT_FUNDS", numberIn(ledger, "SELECT count(*) FROM refused"));
    note("audit line written", numberIn(ledger, "SELECT count(*) FROM audit"));
    note("inbox row pruned", numberIn(ledger, CREDITS_WITHOUT_INBOX));
    note("change pruned", numberIn(ledger, "SELECT coalesce(max(seq), 0) - count(*) FROM change_log"));
    const letters = new Set(rowsIn(ledger, "SELECT id FROM dead_letter").map(({ id }) => id));
    note("dead letter kept", letters.size);
    note("dead letter pruned", ledger.poison.filter(({ id }) => !letters.has(id)).length);
    const published = ledger.published.flat();
    const different = new Set(published.map(({ seq }) => seq)).size;
    note("change published", different);
    note("change published again", published.length - different);
  }
}
