import type { HistoryRecord, Position } from "./record.ts";
import { UserView } from "./user-view.ts";

interface ViewCacheOptions {
  /** Memory the views of a shard may take, in bytes. */
  readonly bytesMax: number;
  /** Entries kept of one user. */
  readonly entriesMax: number;
  /** How long the knowledge that a user has no history is believed, in ms. */
  readonly emptyTtlMs: number;
}

interface Slot {
  readonly view: UserView;
  /** When the view is no longer believed, in ms. */
  expiresAtMs: number;
}

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
    if (slot.expiresAtMs <= nowMs && slot.view.reach !== null) {
      this.drop(userId);
      return undefined;
    }
    this.#slots.delete(userId);
    this.#slots.set(userId, slot);
    return slot.view;
  }

  /** A new view that is loading, starting with what is pending of the user. */
  open(userId: string, pending: readonly HistoryRecord[]): UserView {
    this.drop(userId);
    const view = new UserView(this.#options.entriesMax);
    this.#slots.set(userId, { view, expiresAtMs: Number.POSITIVE_INFINITY });
    this.#bytes += view.bytes;
    this.absorb(view, pending);
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
    slot.expiresAtMs = view.isEmpty ? nowMs + this.#options.emptyTtlMs : Number.POSITIVE_INFINITY;
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
    const before = view.bytes;
    for (const record of records) view.merge(record);
    const userId = records[0]?.userId;
    if (userId !== undefined && this.#slots.get(userId)?.view === view) this.#bytes += view.bytes - before;
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
