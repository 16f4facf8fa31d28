import { LEDGERS } from "../../src/contracts/ledger.ts";
import { must } from "./broken-invariant.ts";
import { numberIn, outboxOf, rowsIn, type OutboxRow } from "./ledger-rows.ts";
import { sendOf } from "./ledger-world.ts";
import type { LedgerWorld, SimLedger } from "./sim-ledger.ts";

/** What came into a closed account from outside of its ledger: refunds, whose transfers are here, may. */
const INTO_CLOSED = `
  SELECT a.id AS id, (SELECT count(*) FROM entry e WHERE e.account_id = a.id AND e.amount > 0
    AND (e.contra_id = 'equity' OR e.transfer_id NOT IN (SELECT id FROM transfer))) AS credits
  FROM account a WHERE a.closed_at IS NOT NULL`;
const CREDITED_BEFORE = "SELECT count(*) FROM entry WHERE account_id = 'clearing' AND transfer_id = ?1";
const IN_INBOX = "SELECT count(*) FROM inbox WHERE message_id = ?1";

/** Sees what changes from one look to the next: what can't be told from how things are. */
export class LedgerWatch {
  readonly #world: LedgerWorld;
  readonly #outbox = new Map<string, OutboxRow>();
  /** Credits that accounts had when they were first seen closed. */
  readonly #closed = new Map<string, number>();

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
      this.#lookAtClosed(ledger);
    }
  }

  #compare(ledger: SimLedger, before: OutboxRow, row: OutboxRow): void {
    const { note } = this.#world.counters;
    const { name } = ledger;
    if (row.last_error !== before.last_error) {
      const send = sendOf(row.last_error);
      must(send === null || send === row.attempts, `${name}: a message is parked and released for the send that failed only`);
      if (row.state === "pending") note("failed send released");
    }
    if (row.state === "parked" && before.state === "pending") {
      note("message parked");
      if (/given up/.test(row.last_error ?? "")) note("message given up");
      if (/closed/.test(row.last_error ?? "")) note("closed account bounced a credit");
      if (/can't read/.test(row.last_error ?? "")) note("unreadable message parked");
    }
    if (row.driven_at !== before.driven_at) {
      must(row.state === "pending" && row.leased_until <= row.next_at, `${name}: what is redriven is due and not leased`);
      note(before.state === "parked" ? "message redriven" : "message redriven under way");
      if (numberIn(ledger.peer, CREDITED_BEFORE, row.id) > 0 && numberIn(ledger.peer, IN_INBOX, row.id) === 0)
        note("credited message redriven after its inbox row was pruned");
    }
    if (row.driven_at === before.driven_at && row.attempts === before.attempts && row.next_at < before.next_at) note("message recalled");
  }

  #lookAtClosed(ledger: SimLedger): void {
    const closed = new Set<string>();
    for (const { id, credits } of rowsIn(ledger, INTO_CLOSED)) {
      const name = `${ledger.name} ${String(id)}`;
      closed.add(name);
      const before = this.#closed.get(name);
      must(before === undefined || before === credits, `${ledger.name}: a closed account takes nothing`);
      this.#closed.set(name, Number(credits));
    }
    for (const name of this.#closed.keys()) if (name.startsWith(ledger.name) && !closed.has(name)) this.#closed.delete(name);
  }
}
