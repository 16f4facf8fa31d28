import { LEDGERS } from "../../../src/contracts/ledger.ts";
import { must } from "../kernel/broken-invariant.ts";
import { isFrozen, numberIn, outboxOf, rowsIn, type OutboxRow } from "./ledger-rows.ts";
import { sendOf } from "./ledger-world.ts";
import type { LedgerWorld, SimLedger } from "./sim-ledger.ts";

/**
 * What came into a closed account from outside of its ledger: refunds, whose transfers are here,
 * may. And what has left a frozen one for the other ledger: deposits that are taken back may.
 */
const SHUT = `
  SELECT a.id AS id, (SELECT count(*) FROM entry e WHERE e.account_id = a.id AND e.amount > 0
    AND (e.contra_id = 'equity' OR e.transfer_id NOT IN (SELECT id FROM transfer))) AS taken,
    CASE WHEN a.frozen_at IS NOT NULL THEN (SELECT count(*) FROM entry e WHERE e.account_id = a.id AND e.amount < 0 AND e.contra_id = 'clearing') END AS sent
  FROM account a WHERE a.closed_at IS NOT NULL OR a.frozen_at IS NOT NULL`;
const CREDITED_BEFORE = "SELECT count(*) FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1";
const IN_INBOX = "SELECT count(*) FROM inbox WHERE message_id = ?1";

/** Sees what changes from one look to the next: what can't be told from how things are. */
export class LedgerWatch {
  readonly #world: LedgerWorld;
  readonly #outbox = new Map<string, OutboxRow>();
  /**
   * How many movements accounts had when they were last seen closed or frozen: null where they may.
   */
  readonly #shut = new Map<string, { readonly taken: number; readonly sent: number | null }>();

  constructor(world: LedgerWorld) {
    this.#world = world;
  }

  look(): void {
    for (const name of LEDGERS) {
      const ledger = this.#world.ledgers[name];
      for (const row of outboxOf(ledger)) {
        const before = this.#outbox.get(row.id);
        if (before !== undefined) this.#compare(ledger, before, row);
        this.#outbox.set(row.id, row);
      }
      this.#lookAtShut(ledger);
    }
  }

  #compare(ledger: SimLedger, before: OutboxRow, row: OutboxRow): void {
    const { note } = this.#world.counters;
    const { name } = ledger;
    if (row.last_error !== before.last_error) {
      const send = sendOf(row.last_error);
      must(
        send === null || send === row.attempts,
        `${name}: a message is parked and released for the send that failed only`,
      );
      if (row.state === "pending") note("failed send released");
    }
    if (row.state === "parked" && before.state === "pending") {
      note("message parked");
      if (/given up/.test(row.last_error ?? "")) note("message given up");
      if (/closed/.test(row.last_error ?? ""))
        note(
          isFrozen(ledger.peer, row.user_id)
            ? "frozen account bounced a credit"
            : "closed account bounced a credit",
        );
      if (/held back/.test(row.last_error ?? "")) note("message held back");
      if (/can't read/.test(row.last_error ?? "")) note("unreadable message parked");
    }
    if (row.driven_at !== before.driven_at) {
      must(
        row.state === "pending" && row.leased_until <= row.next_at,
        `${name}: what is redriven is due and not leased`,
      );
      note(before.state === "parked" ? "message redriven" : "message redriven under way");
      if (numberIn(ledger.peer, CREDITED_BEFORE, row.id) > 0 && numberIn(ledger.peer, IN_INBOX, row.id) === 0)
        note("credited message redriven after its inbox row was pruned");
    }
    if (
      row.driven_at === before.driven_at &&
      row.attempts === before.attempts &&
      row.next_at < before.next_at
    )
      note("message recalled");
  }

  #lookAtShut(ledger: SimLedger): void {
    const found = new Set<string>();
    for (const { id, taken, sent } of rowsIn(ledger, SHUT)) {
      const name = `${ledger.name} ${String(id)}`;
      found.add(name);
      const before = this.#shut.get(name);
      must(before === undefined || before.taken === taken, `${ledger.name}: a closed account takes nothing`);
      const mayHaveSent = before === undefined || before.sent === null || sent === null;
      must(mayHaveSent || before.sent === sent, `${ledger.name}: a frozen account sends nothing`);
      this.#shut.set(name, { taken: Number(taken), sent: sent === null ? null : Number(sent) });
    }
    for (const name of this.#shut.keys())
      if (name.startsWith(ledger.name) && !found.has(name)) this.#shut.delete(name);
  }
}
