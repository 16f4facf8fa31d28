import type { LedgerChange } from "../../../src/contracts/ledger.ts";
import { LEDGERS } from "../../../src/contracts/ledger.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { must } from "../kernel/broken-invariant.ts";
import { numberIn } from "./ledger-rows.ts";
import { TROUBLE_MS } from "./ledger-trouble.ts";
import type { LedgerWorld, SimLedger } from "./sim-ledger.ts";
import type { StreamMode } from "./stream-mode.ts";

const SWITCHES_MAX = 3;
/** An object goes on by the version before for so long. */
const OBJECTS_LAG_MS = 120_000;

/**
 * Operators deploy each ledger without its change stream and with it again, at times of its own,
 * while everything else goes wrong and somewhat later; in the end with it.
 */
export function planSwitches({ kernel, ledgers, counters }: LedgerWorld, seed: number): void {
  const random = mulberry32(seed);
  for (const name of LEDGERS) {
    let atMs = random() * TROUBLE_MS * 0.5;
    for (let count = 1 + Math.floor(random() * SWITCHES_MAX); count > 0; count -= 1)
      for (const isStreaming of [false, true]) {
        const lagMs = random() * OBJECTS_LAG_MS;
        kernel.after(atMs, "", () => {
          ledgers[name].deploy(isStreaming);
          kernel.after(lagMs, "", () => ledgers[name].publisher.reset());
          counters.note(isStreaming ? "stream deployed" : "stream deployed off");
        });
        atMs += 5_000 + random() * TROUBLE_MS;
      }
  }
}

/** What was told, each change once, in the order of its numbers. */
function told({ published }: SimLedger): readonly LedgerChange[] {
  const changes = new Map(published.flat().map((change) => [change.seq, change]));
  return [...changes.values()].toSorted((a, b) => a.seq - b.seq);
}

/**
 * A stream that was switched: in order, again at most from where it was, with no more gaps than it
 * was switched on again, and between two gaps each movement of a user right behind the one before.
 */
export function checkSwitchedStream(ledger: SimLedger): void {
  const { name, published, switchedOn } = ledger;
  const known = new Set<number>();
  let newest = 0;
  for (const batch of published) {
    const seqs = batch.map(({ seq }) => seq);
    const fresh = seqs.filter((seq) => !known.has(seq));
    must(
      seqs.every((seq, index) => index === 0 || seq > (seqs[index - 1] ?? 0)),
      `${name}: the switched stream is in order`,
    );
    must(
      fresh.every((seq) => seq > newest),
      `${name}: no number of the switched stream goes backwards`,
    );
    for (const seq of fresh) known.add(seq);
    newest = Math.max(newest, ...fresh);
  }
  let [gaps, before] = [0, 0];
  const balances = new Map<string, number>();
  for (const { seq, userId, transferId, amount, balance } of told(ledger)) {
    if (seq > before + 1) {
      gaps += before === 0 ? 0 : 1;
      balances.clear();
    }
    before = seq;
    const held = balances.get(userId);
    must(
      held === undefined || held + amount === balance,
      `${name}: nothing is left out between two gaps of the stream`,
    );
    balances.set(userId, balance);
    const entry =
      "SELECT count(*) FROM entry WHERE account_id = 'user:' || ?1 AND transfer_id = ?2 AND amount = ?3";
    must(numberIn(ledger, entry, userId, transferId, amount) === 1, `${name}: a told change is an entry`);
  }
  must(gaps <= switchedOn, `${name}: a gap is where the stream was switched on again`);
}

/** When all has come to its end: what is on has told all since, what is off has told nothing. */
export function checkStreamAtEnd(ledger: SimLedger, mode: StreamMode): void {
  const { name } = ledger;
  if (mode === "off") {
    must(ledger.published.length === 0, `${name}: a stream that is off tells nothing`);
    must(
      numberIn(ledger, "SELECT enabled FROM change_stream") === 0,
      `${name}: a stream that is off is not written`,
    );
    return;
  }
  checkSwitchedStream(ledger);
  const newest = numberIn(ledger, "SELECT coalesce(max(seq), 0) FROM change_log WHERE account_id <> ''");
  must(told(ledger).at(-1)?.seq === newest, `${name}: a stream that is on again tells the newest`);
}

/** Counts what shows that switching was worth a look. */
export function countStream({ ledgers, counters: { note } }: LedgerWorld): void {
  for (const name of LEDGERS) {
    const ledger = ledgers[name];
    const seqs = told(ledger).map(({ seq }) => seq);
    const entries = numberIn(ledger, "SELECT count(*) FROM entry WHERE account_id LIKE 'user:%'");
    note("movement that no stream told", entries - seqs.length);
    note(
      "gap in a stream",
      seqs.filter((seq, index) => index > 0 && seq > (seqs[index - 1] ?? 0) + 1).length,
    );
  }
}
