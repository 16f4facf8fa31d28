import { murmur3 } from "../../resilience/hash/murmur3.ts";
import type { HistoryRecord, Position } from "./record.ts";
import { UserView } from "./user-view.ts";

interface ViewCacheOptions {
  /** Memory the views of a shard may take, in bytes. */
  readonly bytesMax: number;
  /** Entries kept of one user. */
  readonly entriesMax: number;
  /** How long the knowledge that a user has no history is believed, in ms. */
  readonly emptyTtlMs: number;
  /** Whether a record is neither cleared nor beyond what is kept of its user. */
  readonly admits: (record: HistoryRecord) => boolean;
}

interface Slot {
  readonly view: UserView;
  /** When the view is no longer believed, in ms. */
  expiresAtMs: number;
}

/** Lifetimes differ by as much of them, from the shortest to the longest. */
const TTL_SPREAD = 0.5;

/** The users whose entries are in memory, least recently used first. */
export class ViewCache {
  readonly #slots = new Map<string, Slot>();
  readonly #options: ViewCacheOptions;
  #bytes = 0;

  constructor(options: ViewCacheOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#slots.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The user's view, if it is in memory. */
  get(userId: string, nowMs: number): UserView | undefined {
    const slot = this.#slots.get(userId);
    if (slot === undefined) return undefined;
    if (slot.expiresAtMs <= nowMs && slot.view.loads === 0) {
      this.drop(userId);
      return undefined;
    }
    this.#slots.delete(userId);
    this.#slots.set(userId, slot);
    return slot.view;
  }

  /** The same where nobody reads it: what is believed for how long doesn't change. */
  peek(userId: string): UserView | undefined {
    return this.#slots.get(userId)?.view;
  }

  /** A new view that is loading, starting with what is pending of the user. */
  open(userId: string, pending: readonly HistoryRecord[]): UserView {
    this.drop(userId);
    const view = new UserView(this.#options.entriesMax);
    // First, since it may throw: a view without what is pending must never be found.
    this.absorb(view, pending);
    this.#slots.set(userId, { view, expiresAtMs: Number.POSITIVE_INFINITY });
    this.#bytes += view.bytes;
    return view;
  }

  /**
   * The view has what D1 has, as far as it reaches. A user without history is believed to have none
   * for a short time only.
   */
  loaded(userId: string, view: UserView, reach: Position | "all", nowMs: number): void {
    if (view.reach !== "all") view.reach = reach;
    const slot = this.#slots.get(userId);
    if (slot?.view !== view) return;
    slot.expiresAtMs = view.isEmpty ? nowMs + this.#emptyTtlMs(userId) : Number.POSITIVE_INFINITY;
    this.#shrink();
  }

  /** Shows a record to its user's view, if that is in memory. */
  merge(record: HistoryRecord): void {
    const slot = this.#slots.get(record.userId);
    if (slot === undefined) return;
    this.absorb(slot.view, [record]);
    if (!slot.view.isEmpty) slot.expiresAtMs = Number.POSITIVE_INFINITY;
    this.#shrink();
  }

  /**
   * Puts one user's records into a view, which may have been dropped meanwhile: then it serves
   * those who hold it, and no memory is counted.
   */
  absorb(view: UserView, records: readonly HistoryRecord[]): void {
    const userId = records[0]?.userId;
    if (userId === undefined) return;
    const { admits } = this.#options;
    this.#changing(userId, view, () => {
      for (const record of records) if (admits(record)) view.merge(record);
    });
  }

  /** What was cleared, or is beyond what is kept of a user, is shown no more. */
  retain(userId: string): void {
    const view = this.peek(userId);
    if (view !== undefined) this.#changing(userId, view, () => view.retain(this.#options.admits));
  }

  /** Users who were found to have nothing at once are not asked for again at once. */
  #emptyTtlMs(userId: string): number {
    const share = murmur3(userId, 0) / 2 ** 32;
    return this.#options.emptyTtlMs * (1 + TTL_SPREAD * (share - 0.5));
  }

  #changing(userId: string, view: UserView, change: () => void): void {
    const before = view.bytes;
    change();
    if (this.peek(userId) === view) this.#bytes += view.bytes - before;
  }

  drop(userId: string): void {
    const slot = this.#slots.get(userId);
    if (slot === undefined) return;
    this.#slots.delete(userId);
    this.#bytes -= slot.view.bytes;
  }

  /** Forgets this very view: the user may have been dropped since, and have another one. */
  forget(userId: string, view: UserView): void {
    if (this.#slots.get(userId)?.view === view) this.drop(userId);
  }

  /**
   * Forgets the least recently used views until the rest fit. One that is being loaded is needed by
   * whoever waits for it.
   */
  #shrink(): void {
    if (this.#bytes <= this.#options.bytesMax) return;
    for (const [userId, { view }] of this.#slots) {
      if (view.loads > 0) continue;
      this.drop(userId);
      if (this.#bytes <= this.#options.bytesMax) return;
    }
  }
}
