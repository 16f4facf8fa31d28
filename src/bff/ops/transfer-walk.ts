import { firstIdAt } from "../../contracts/id-time.ts";
import { LEDGERS, type LedgerName } from "../../contracts/ledger.ts";
import { COMPARED_PER_PAGE_MAX, OPEN_MAX, type ComparedRow } from "../../contracts/ledger-reconciliation.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { compareTransfers, type Comparison } from "./compare-transfers.ts";
import type { ReconcilableLedger } from "./reconcilable-ledger.ts";

export type ReconcilableLedgers = Readonly<Record<LedgerName, ReconcilableLedger>>;
type Rows = Readonly<Record<LedgerName, readonly ComparedRow[]>>;
type Places = Record<LedgerName, string>;

/** Later than the id of any transfer. */
const LAST_ID = "ffffffff-ffff";

/**
 * Goes through the transfers of both ledgers in the order of their ids, side by side. Those that have come to rest, or should have, are passed for good: each ledger
 * remembers how far, with sums over what was passed. Those that have not are remembered one by one, and looked at again.
 */
export class TransferWalk {
  /** Whatever looks wrong at the first look. */
  readonly suspects = new Set<string>();
  /** What the entries between here and the newest sum to, by ledger. */
  readonly unpassedSum: Record<LedgerName, number> = { wallet: 0, savings: 0 };
  readonly #ledgers: ReconcilableLedgers;
  readonly #pace: <T>(step: () => Promise<T>) => Promise<T>;
  readonly #through: Places;
  readonly #open: Set<string>;

  constructor(
    ledgers: ReconcilableLedgers,
    pace: <T>(step: () => Promise<T>) => Promise<T>,
    from: { readonly through: Places; readonly open: readonly string[] },
  ) {
    this.#ledgers = ledgers;
    this.#pace = pace;
    this.#through = { ...from.through };
    this.#open = new Set(from.open);
  }

  /** Up to where both have been passed. */
  get through(): string {
    return this.#through.wallet < this.#through.savings ? this.#through.wallet : this.#through.savings;
  }

  /** Looks at what is younger than `since` and can't be passed yet. Answers whether it came to the end. */
  async lookAtNewest(since: string, hasTime: () => boolean): Promise<boolean> {
    for (let after = since > this.through ? since : this.through; hasTime();) {
      const page = await this.#page(after, LAST_ID);
      this.#note(compareTransfers(page.rows));
      for (const ledger of LEDGERS)
        for (const { amount, counter } of page.rows[ledger]) this.unpassedSum[ledger] += amount + (counter ?? 0);
      if (page.to === null) return true;
      after = page.to;
    }
    return false;
  }

  /** Passes what is older than `beforeMs`: a page at least, so that every call comes further. Answers whether it came there. */
  async pass(beforeMs: number, hasTime: () => boolean): Promise<boolean> {
    for (let isFirst = true; isFirst || hasTime(); isFirst = false) {
      const { rows, to } = await this.#page(this.through, firstIdAt(beforeMs));
      const last = to ?? lastId(rows);
      if (last === null) return true;
      const compared = compareTransfers(rows);
      const open = [...compared].flatMap(([id, { hasEnded, mismatches }]) => (hasEnded && mismatches.length === 0 ? [] : [id]));
      this.#note(compared);
      if (this.#open.size + open.length > OPEN_MAX) return false;
      for (const id of open) this.#open.add(id);
      await this.#each(async (ledger, name) => {
        if (this.#through[name] >= last) return;
        await ledger.passed({ from: this.#through[name], to: last, open });
        this.#through[name] = last;
      });
      if (to === null) return true;
    }
    return false;
  }

  /** Looks again at those that were passed before they had come to rest, and lets go of those that have. */
  async lookAtOpen(): Promise<void> {
    const ids = [...this.#open];
    for (let start = 0; start < ids.length; start += COMPARED_PER_PAGE_MAX) {
      const compared = await this.lookAt(ids.slice(start, start + COMPARED_PER_PAGE_MAX));
      this.#note(compared);
      const rested = [...compared].flatMap(([id, { hasEnded, mismatches }]) => (hasEnded && mismatches.length === 0 ? [id] : []));
      if (rested.length > 0) await this.#each((ledger) => ledger.rested(rested));
    }
  }

  async lookAt(ids: readonly string[]): Promise<ReadonlyMap<string, Comparison>> {
    return compareTransfers(await this.#both((ledger) => ledger.comparedOf(ids)));
  }

  #note(compared: ReadonlyMap<string, Comparison>): void {
    for (const [id, { mismatches }] of compared) if (mismatches.length > 0) this.suspects.add(id);
  }

  /** As many rows of both as there are of the one that has more; `to` is null where that is all. */
  async #page(after: string, before: string): Promise<{ readonly rows: Rows; readonly to: string | null }> {
    const limit = COMPARED_PER_PAGE_MAX;
    const rows = await this.#both((ledger) => ledger.compared({ after, before, limit }));
    const ends = LEDGERS.flatMap((name) => (rows[name].length < limit ? [] : [rows[name].at(-1)?.id ?? ""])).toSorted();
    const [to] = ends;
    if (to === undefined) return { rows, to: null };
    const upTo = (name: LedgerName): readonly ComparedRow[] => rows[name].filter(({ id }) => id <= to);
    return { rows: { wallet: upTo("wallet"), savings: upTo("savings") }, to };
  }

  async #both(ask: (ledger: ReconcilableLedger) => Promise<readonly ComparedRow[]>): Promise<Rows> {
    const rows: Record<LedgerName, readonly ComparedRow[]> = { wallet: [], savings: [] };
    await this.#pace(() =>
      this.#each(async (ledger, name) => {
        rows[name] = await ask(ledger);
      }),
    );
    return rows;
  }

  async #each(act: (ledger: ReconcilableLedger, name: LedgerName) => Promise<void>): Promise<void> {
    const group = new TaskGroup();
    for (const name of LEDGERS) group.go(() => act(this.#ledgers[name], name));
    await group.wait();
  }
}

function lastId({ wallet, savings }: Rows): string | null {
  return (
    [wallet.at(-1)?.id, savings.at(-1)?.id]
      .filter((id) => id !== undefined)
      .toSorted()
      .at(-1) ?? null
  );
}
