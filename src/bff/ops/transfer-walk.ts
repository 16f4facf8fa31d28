import { firstIdAt } from "../../contracts/id-time.ts";
import { LEDGERS, type LedgerName } from "../../contracts/ledger.ts";
import { OPEN_MAX, type ComparedRow } from "../../contracts/ledger-reconciliation.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { compareTransfers, type Comparison } from "./compare-transfers.ts";
import type { Pace } from "./pace.ts";
import type { ReconcilableLedger } from "./reconcilable-ledger.ts";

export type ReconcilableLedgers = Readonly<Record<LedgerName, ReconcilableLedger>>;
type Rows = Readonly<Record<LedgerName, readonly ComparedRow[]>>;
type Places = Record<LedgerName, string>;

/** Pages that were compared: up to where, and what in them has not come to rest. */
interface Compared {
  readonly to: string;
  readonly open: readonly string[];
  readonly pages: number;
  /** Whether that was all, or all that there is time or room for; null where there may be more. */
  readonly isEnd: boolean | null;
}

/** Later than the id of any transfer. */
const LAST_ID = "ffffffff-ffff";
/**
 * Transfers read at once: the read is over in some ms, also where each of its look-ups has to come
 * from the disk.
 */
const TRANSFERS_PER_PAGE = 50;
/** Pages passed at once: each passing is a write, for which every other write waits. */
const PAGES_PER_PASSING = 4;

/**
 * Goes through the transfers of both ledgers in the order of their ids, side by side. Those that
 * have come to rest, or should have, are passed for good: each ledger remembers how far, with sums
 * over what was passed. Those that have not are remembered one by one, and looked at again.
 */
export class TransferWalk {
  /** Whatever looks wrong at the first look. */
  readonly suspects = new Set<string>();
  /** What the entries between here and the newest sum to, by ledger. */
  readonly unpassedSum: Record<LedgerName, number> = { wallet: 0, savings: 0 };
  readonly #ledgers: ReconcilableLedgers;
  readonly #pace: Pace;
  readonly #through: Places;
  readonly #open: Set<string>;

  constructor(
    ledgers: ReconcilableLedgers,
    pace: Pace,
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

  /**
   * Looks at what is younger than `since` and can't be passed yet. Answers whether it came to the
   * end.
   */
  async lookAtNewest(since: string, hasTime: () => boolean): Promise<boolean> {
    for (let after = since > this.through ? since : this.through; hasTime();) {
      const page = await this.#page(after, LAST_ID);
      this.#note(await this.#compared(page.rows, after));
      for (const ledger of LEDGERS)
        for (const { amount, counter } of page.rows[ledger])
          this.unpassedSum[ledger] += amount + (counter ?? 0);
      if (page.to === null) return true;
      after = page.to;
    }
    return false;
  }

  /**
   * Passes what is older than `beforeMs`: a page at least, so that every call comes further.
   * Answers whether it came there.
   */
  async pass(beforeMs: number, hasTime: () => boolean): Promise<boolean> {
    let place = this.through;
    for (;;) {
      const { to, open, pages, isEnd } = await this.#compare(place, firstIdAt(beforeMs), hasTime);
      if (pages > 0) await this.#passed(to, open);
      place = to;
      if (isEnd !== null) return isEnd;
    }
  }

  async #compare(from: string, before: string, hasTime: () => boolean): Promise<Compared> {
    const open: string[] = [];
    let [place, pages] = [from, 0];
    const soFar = (isEnd: boolean | null): Compared => ({ to: place, open, pages, isEnd });
    while (pages < PAGES_PER_PASSING) {
      const { rows, to } = await this.#page(place, before);
      const last = to ?? lastId(rows);
      if (last === null) return soFar(true);
      const compared = await this.#compared(rows, place);
      this.#note(compared);
      const restless = [...compared].flatMap(([id, { hasEnded, mismatches }]) =>
        hasEnded && mismatches.length === 0 ? [] : [id],
      );
      if (this.#open.size + restless.filter((id) => !this.#open.has(id)).length > OPEN_MAX)
        return soFar(false);
      for (const id of restless) this.#open.add(id);
      open.push(...restless);
      [place, pages] = [last, pages + 1];
      if (to === null) return soFar(true);
      if (!hasTime()) return soFar(false);
    }
    return soFar(null);
  }

  async #passed(to: string, open: readonly string[]): Promise<void> {
    await this.#pace.step(() =>
      this.#each(async (ledger, name) => {
        if (this.#through[name] >= to) return;
        await ledger.passed({ from: this.#through[name], to, open: [...open] });
        this.#through[name] = to;
      }),
    );
  }

  /**
   * Looks again at those that were passed before they had come to rest, and lets go of those that
   * have.
   */
  async lookAtOpen(hasTime: () => boolean): Promise<void> {
    const ids = [...this.#open];
    for (let start = 0; start < ids.length && hasTime(); start += TRANSFERS_PER_PAGE) {
      const compared = await this.lookAt(ids.slice(start, start + TRANSFERS_PER_PAGE));
      this.#note(compared);
      const rested = [...compared].flatMap(([id, { hasEnded, mismatches }]) =>
        hasEnded && mismatches.length === 0 ? [id] : [],
      );
      if (rested.length > 0) await this.#pace.step(() => this.#each((ledger) => ledger.rested(rested)));
    }
  }

  async lookAt(ids: readonly string[]): Promise<ReadonlyMap<string, Comparison>> {
    return compareTransfers(await this.#both((ledger) => ledger.comparedOf(ids)));
  }

  /**
   * A page and, of each refund in it, what it takes back: that was passed already, and may have
   * been credited and settled long before.
   */
  async #compared(rows: Rows, after: string): Promise<ReadonlyMap<string, Comparison>> {
    const refunded = LEDGERS.flatMap((name) =>
      rows[name].flatMap(({ refundedId }) => refundedId ?? []),
    ).filter((id) => id <= after);
    const compared = compareTransfers(rows);
    return refunded.length === 0 ? compared : new Map([...compared, ...(await this.lookAt(refunded))]);
  }

  #note(compared: ReadonlyMap<string, Comparison>): void {
    for (const [id, { mismatches }] of compared) if (mismatches.length > 0) this.suspects.add(id);
  }

  /** As many rows of both as there are of the one that has more; `to` is null where that is all. */
  async #page(after: string, before: string): Promise<{ readonly rows: Rows; readonly to: string | null }> {
    const limit = TRANSFERS_PER_PAGE;
    const rows = await this.#both((ledger) => ledger.compared({ after, before, limit }));
    const ends = LEDGERS.flatMap((name) =>
      rows[name].length < limit ? [] : [rows[name].at(-1)?.id ?? ""],
    ).toSorted();
    const [to] = ends;
    if (to === undefined) return { rows, to: null };
    const upTo = (name: LedgerName): readonly ComparedRow[] => rows[name].filter(({ id }) => id <= to);
    return { rows: { wallet: upTo("wallet"), savings: upTo("savings") }, to };
  }

  async #both(ask: (ledger: ReconcilableLedger) => Promise<readonly ComparedRow[]>): Promise<Rows> {
    const rows: Record<LedgerName, readonly ComparedRow[]> = { wallet: [], savings: [] };
    await this.#pace.step(() =>
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
