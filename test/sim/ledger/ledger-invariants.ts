import { LEDGERS, type LedgerName } from "../../../src/contracts/ledger.ts";
import { must } from "../kernel/broken-invariant.ts";
import { accountsOf } from "./ledger-clients.ts";
import type { LedgerModel } from "./ledger-model.ts";
import { numberIn, rowsIn, type Row } from "./ledger-rows.ts";
import type { SimLedger } from "./sim-ledger.ts";

type Ledgers = Readonly<Record<LedgerName, SimLedger>>;

/** Each answers how much is wrong. */
const WRONG: Readonly<Record<string, string>> = {
  "the entries sum to zero": "SELECT coalesce(sum(amount), 0) FROM entry",
  "the entries of each transfer sum to zero":
    "SELECT count(*) FROM (SELECT 1 FROM entry GROUP BY transfer_id HAVING sum(amount) <> 0)",
  "balances are the sums of their entries":
    "SELECT count(*) FROM account a WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = a.id)",
  "nobody is in debt": "SELECT count(*) FROM account WHERE kind = 'user' AND balance < 0",
  "in flight is what is pending": `SELECT count(*) FROM account a WHERE kind = 'user' AND in_flight <>
    (SELECT coalesce(sum(amount), 0) FROM transfer WHERE owner = a.user_id AND operation = 'transfer' AND outcome = 'pending')`,
  "what is pending is in the outbox":
    "SELECT count(*) FROM transfer WHERE operation = 'transfer' AND outcome = 'pending' AND id NOT IN (SELECT id FROM outbox)",
  "a transfer leaves its owner's account": `SELECT count(*) FROM transfer t WHERE operation = 'transfer' AND outcome <> 'failed'
    AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.transfer_id = t.id AND e.account_id = 'user:' || t.owner AND e.amount = -t.amount)`,
  "what is refused leaves nothing but its key":
    "SELECT count(*) FROM transfer t JOIN entry e ON e.transfer_id = t.id WHERE t.outcome = 'failed'",
  "refunds go to whom they were taken from": `SELECT count(*) FROM account a WHERE kind = 'user' AND
    (SELECT coalesce(sum(amount), 0) FROM transfer WHERE owner = a.user_id AND operation = 'transfer' AND outcome = 'refunded') <>
    (SELECT coalesce(sum(e.amount), 0) FROM transfer t JOIN entry e ON e.transfer_id = t.id WHERE e.account_id = a.id AND e.contra_id = 'clearing' AND t.operation = 'refund')`,
  // Its key is the deposit's id, and an owner's keys are different ones: so there is one at most.
  "a deposit is taken back whole, and from whom it was given to": `SELECT count(*) FROM entry b
    LEFT JOIN transfer t ON t.owner = substr(b.contra_id, 6) AND t.id = b.transfer_id AND t.operation = 'refund'
    LEFT JOIN entry d ON d.account_id = b.contra_id AND d.transfer_id = t.idempotency_key AND d.contra_id = 'equity'
    LEFT JOIN entry u ON u.account_id = b.contra_id AND u.transfer_id = b.transfer_id
    WHERE b.account_id = 'equity' AND b.amount > 0 AND (d.amount IS NOT b.amount OR u.amount IS NOT -b.amount)`,
  "a day keeps the sum of its deposits, taken back or not":
    "SELECT (SELECT coalesce(sum(amount), 0) FROM deposit_day) + (SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = 'equity' AND amount < 0)",
  "each deposit is in the audit trail, and each reversal": `SELECT (SELECT count(*) FROM entry WHERE account_id = 'equity')
    - (SELECT count(*) FROM audit WHERE action IN ('deposit', 'reverse-deposit'))`,
};

/** All of them at one go, which is much faster. */
const ALL_WRONG = `SELECT ${Object.entries(WRONG)
  .map(([what, query]) => `(${query}) AS "${what}"`)
  .join(", ")}`;

/** What came in, and for whom. */
const CREDITED = `
  SELECT transfer_id AS id, contra_id AS account, -amount AS amount FROM entry
  WHERE account_id = 'clearing' AND amount < 0 AND transfer_id NOT IN (SELECT id FROM transfer)`;
const SENT = "SELECT id, owner, outcome, amount FROM transfer WHERE operation = 'transfer'";

/** What holds at every moment, whatever has failed so far. Throws {@link BrokenInvariant}. */
export function checkBooks(ledgers: Ledgers, model: LedgerModel): void {
  let [clearing, inFlight] = [0, 0];
  for (const name of LEDGERS) {
    const ledger = ledgers[name];
    for (const [what, wrong] of Object.entries(rowsIn(ledger, ALL_WRONG)[0] ?? {}))
      must(wrong === 0, `${name}: ${what}`);
    clearing += numberIn(ledger, "SELECT balance FROM account WHERE id = 'clearing'");
    inFlight += checkSent(ledger);
  }
  must(clearing === inFlight, "clearing is what is in flight");
  checkDeposits(ledgers, model);
}

/**
 * Holds what has left a ledger against what came into the other. Answers how much is on its way.
 */
function checkSent(ledger: SimLedger): number {
  const { name } = ledger;
  const credited = new Map(rowsIn(ledger.peer, CREDITED).map((row): [unknown, Row] => [row["id"], row]));
  let inFlight = 0;
  for (const { id, owner, outcome, amount } of rowsIn(ledger, SENT)) {
    const credit = credited.get(id);
    must(!(outcome === "refunded" && credit !== undefined), `${name}: nothing is both refunded and credited`);
    must(!(outcome === "settled" && credit === undefined), `${name}: what is settled is credited`);
    must(!(outcome === "failed" && credit !== undefined), `${name}: what failed is not credited`);
    if (outcome === "pending" && credit === undefined) inFlight += Number(amount);
    if (credit === undefined) continue;
    must(credit["account"] === `user:${String(owner)}`, `${name}: a transfer arrives at whom it left`);
    must(credit["amount"] === amount, `${name}: a transfer arrives whole`);
    credited.delete(id);
  }
  must(credited.size === 0, `${name}: each credit over there has a transfer here`);
  return inFlight;
}

/** What was given to each account, and what was taken back from it. */
const DEPOSITED = `
  SELECT account_id AS account, sum(amount) FILTER (WHERE amount > 0) AS given, count(*) FILTER (WHERE amount > 0) AS deposits,
    -sum(amount) FILTER (WHERE amount < 0) AS taken, count(*) FILTER (WHERE amount < 0) AS reversals
  FROM entry WHERE contra_id = 'equity' GROUP BY account_id`;

/**
 * Nobody has more from deposits than was asked for, and from nobody more is taken back than was
 * asked for.
 */
function checkDeposits(ledgers: Ledgers, model: LedgerModel): void {
  for (const name of LEDGERS) {
    const owners = new Map(model.users.map((user) => [`user:${user}`, user]));
    for (const { account, given, deposits, taken, reversals } of rowsIn(ledgers[name], DEPOSITED)) {
      const user = owners.get(String(account));
      must(user !== undefined, `${name}: deposits are for whom they were meant`);
      if (user === undefined) continue;
      const most = model.depositsAtMost(name, user);
      must(
        Number(given) <= most.amount && Number(deposits) <= most.count,
        `${name}: nobody is given more than was deposited`,
      );
      const wanted = model.reversalsAtMost(name, user);
      must(
        Number(taken) <= wanted.amount && Number(reversals) <= wanted.count,
        `${name}: nobody loses more than was to be taken back`,
      );
    }
  }
}

/**
 * What the change stream has published so far: in order, without gaps, again at most from where it
 * was. Answers the last number.
 */
export function checkStream({ name, published }: SimLedger): number {
  let seen = 0;
  for (const batch of published) {
    const [first] = batch;
    must(first !== undefined && first.seq <= seen + 1, `${name}: the change stream has no gaps`);
    for (const [index, change] of batch.entries())
      must(change.seq === (first?.seq ?? 0) + index, `${name}: the change stream is in order`);
    seen = Math.max(seen, batch.at(-1)?.seq ?? 0);
  }
  return seen;
}

/** What the shadow says that everybody has, against what they have: nothing else need be known. */
export function checkBalances(ledgers: Ledgers, model: LedgerModel): void {
  for (const { ledger, user } of accountsOf(model.users)) {
    const balance = numberIn(ledgers[ledger], "SELECT balance FROM account WHERE id = 'user:' || ?1", user);
    const promised = model.balance(ledger, user);
    must(balance === promised, `${ledger}: ${user} has what was promised (${promised}, not ${balance})`);
  }
}

/** Rows written in a ledger's database so far. */
export function totalChanges(ledger: SimLedger): number {
  return numberIn(ledger, "SELECT total_changes()");
}
