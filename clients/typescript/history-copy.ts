import type { Change, Entry, ItemKey } from "./wire.ts";

/** A user's history as a device has it, made of changes alone. */
export class HistoryCopy {
  readonly #entries = new Map<string, Entry>();
  isPaused = false;

  /** Newest first; of the same time, what came last first. */
  list(): readonly Entry[] {
    return [...this.#entries.values()].toReversed().sort((a, b) => b.watchedAt - a.watchedAt);
  }

  find(item: ItemKey): Entry | undefined {
    return this.#entries.get(nameOf(item));
  }

  /** What follows is everything. */
  forget(): void {
    this.#entries.clear();
    this.isPaused = false;
  }

  apply(change: Change): void {
    if ("entry" in change) {
      const name = nameOf(change.entry);
      this.#entries.delete(name);
      this.#entries.set(name, change.entry);
    } else if ("removed" in change) this.#entries.delete(nameOf(change.removed));
    else if ("settings" in change) this.isPaused = change.settings.paused;
    else this.#dropBefore("cleared" in change ? change.cleared.before : change.trimmed.before);
  }

  #dropBefore(beforeMs: number): void {
    for (const [name, { watchedAt }] of this.#entries) if (watchedAt < beforeMs) this.#entries.delete(name);
  }
}

export function nameOf({ kind, itemId }: ItemKey): string {
  return `${kind}/${itemId}`;
}
