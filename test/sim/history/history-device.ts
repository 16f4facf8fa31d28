import { HistoryCopy } from "../../../clients/typescript/history-copy.ts";
import type { ChangePage, Entry } from "../../../src/contracts/history.ts";

/** A device that asks for nothing but changes, by HTTP, and keeps the list that they make. */
export class HistoryDevice {
  readonly #copy = new HistoryCopy();
  cursor: string | undefined;
  /** Answers that told it to forget everything. */
  resyncs = 0;
  pages = 0;

  get isPaused(): boolean {
    return this.#copy.isPaused;
  }

  take({ changes, cursor, resync }: ChangePage): void {
    this.pages += 1;
    if (resync === true) {
      this.resyncs += 1;
      this.#copy.forget();
    }
    for (const change of changes) this.#copy.apply(change);
    this.cursor = cursor;
  }

  /** Newest first; of the same time, what came last first. */
  list(): readonly Entry[] {
    return this.#copy.list();
  }
}
