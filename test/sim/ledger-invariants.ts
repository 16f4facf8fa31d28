import { LEDGERS, peerOf, type LedgerName } from "../../src/contracts/ledger.ts";
import { must } from "./broken-invariant.ts";
import type { SimLedger } from "./ledger-world.ts";

interface Row {
  readonly [column: string]: unknown;
}

const rows = ({ db }: SimLedger, query: string): readonly Row[] => db.statement(query).all();
const number = (ledger: SimLedger, query: string): number => Number(Object.values(rows(ledger, query)[0] ?? {})[0] ?? 0);

const CREDITED =
  "SELECT transfer_id AS id FROM entry WHERE account_id = 'clearing' AND amount < 0 AND transfer_id NOT IN (SELECT id FROM transfer)";

/** What holds at every moment, whatever has failed so far. Throws {@link BrokenInvariant}. */
export function checkBooks(ledgers: Readonly<Record<LedgerName, SimLedger>>): void {
  let [clearing, inFlight] = [0, 0];
  for (const name of LEDGERS) {
    const ledger = ledgers[name];
    must(number(ledger, "SELECT coalesce(sum(amount), 0) FROM entry") === 0, `${name}: the entries sum to zero`);
    const unbalanced = "SELECT count(*) FROM (SELECT 1 FROM entry GROUP BY transfer_id HAVING sum(amount) <> 0)";
    must(number(ledger, unbalanced) === 0, `${name}: the entries of each transfer sum to zero`);
    const wrong = "SELECT count(*) FROM account a WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = a.id)";
    must(number(ledger, wrong) === 0, `${name}: balances are the sums of their entries`);
    must(number(ledger, "SELECT count(*) FROM account WHERE kind = 'user' AND balance < 0") === 0, `${name}: nobody is in debt`);
    const underWay = `SELECT count(*) FROM account a WHERE kind = 'user' AND in_flight <>
      (SELECT coalesce(sum(amount), 0) FROM transfer WHERE owner = a.user_id AND operation = 'transfer' AND outcome = 'pending')`;
    must(number(ledger, underWay) === 0, `${name}: in flight is what is pending`);
    const lost = "SELECT count(*) FROM transfer WHERE operation = 'transfer' AND outcome = 'pending' AND id NOT IN (SELECT id FROM outbox)";
    must(number(ledger, lost) === 0, `${name}: what is pending is in the outbox`);
    clearing += number(ledger, "SELECT balance FROM account WHERE id = 'clearing'");

    const credited = new Set(rows(ledgers[peerOf(name)], CREDITED).map(({ id }) => id));
    for (const { id, outcome, amount } of rows(ledger, "SELECT id, outcome, amount FROM transfer WHERE operation = 'transfer'")) {
      must(!(outcome === "refunded" && credited.has(id)), `${name}: nothing is both refunded and credited`);
      must(!(outcome === "settled" && !credited.has(id)), `${name}: what is settled is credited`);
      must(!(outcome === "failed" && credited.has(id)), `${name}: what failed is not credited`);
      if (outcome === "pending" && !credited.has(id)) inFlight += Number(amount);
      credited.delete(id);
    }
    must(credited.size === 0, `${name}: each credit over there has a transfer here`);
  }
  must(clearing === inFlight, "clearing is what is in flight");
}

/** What the change stream has published so far: in order, without gaps, again at most from where it was. */
export function checkStream({ name, published }: SimLedger): number {
  let seen = 0;
  for (const batch of published) {
    const [first] = batch;
    must(first !== undefined && first.seq <= seen + 1, `${name}: the change stream has no gaps`);
    for (const [index, change] of batch.entries()) must(change.seq === (first?.seq ?? 0) + index, `${name}: the change stream is in order`);
    seen = Math.max(seen, batch.at(-1)?.seq ?? 0);
  }
  return seen;
}

/** What holds when everything has been healed for long enough. */
export function checkSettled(ledger: SimLedger): void {
  const { name } = ledger;
  must(number(ledger, "SELECT count(*) FROM outbox") === 0, `${name}: nothing is under way any more`);
  must(number(ledger, "SELECT count(*) FROM transfer WHERE outcome = 'pending'") === 0, `${name}: every transfer has ended`);
  must(number(ledger, "SELECT coalesce(sum(in_flight), 0) FROM account") === 0, `${name}: nothing is in flight`);
  must(checkStream(ledger) === number(ledger, "SELECT coalesce(max(seq), 0) FROM change_log"), `${name}: the change stream is complete`);
}

/** Ids of parked messages with why they are. */
export function parked(ledger: SimLedger): readonly { readonly id: string; readonly reason: string }[] {
  return rows(ledger, "SELECT id, last_error AS reason FROM outbox WHERE state = 'parked'").map(({ id, reason }) => ({
    id: String(id),
    reason: String(reason),
  }));
}

/** Rows written in a ledger's database so far. */
export function totalChanges(ledger: SimLedger): number {
  return number(ledger, "SELECT total_changes()");
}
