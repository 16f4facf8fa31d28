/** An item of a user, as the queue's messages have it. */
export type UserItem = readonly [userId: string, item: string];

/**
 * A worker may go on for thirty seconds after its answer, and its memory may be gone after that.
 */
const GATHERED_MS = 25_000;
/** So that a message stays well below 128 KB. */
const KEYS_MAX = 1_000;

/** Keys that wait in an isolate's memory, each once, to be sent together. */
export class GatheredKeys {
  #waiting = new Map<string, UserItem>();

  /** Keeps keys. Ends when there is nothing for this call to send any more. */
  async add(keys: readonly UserItem[], send: (keys: readonly UserItem[]) => Promise<unknown>): Promise<void> {
    const isFirst = this.#waiting.size === 0;
    for (const key of keys) this.#waiting.set(key.join(" "), key);
    if (this.#waiting.size < KEYS_MAX) {
      if (!isFirst) return;
      await new Promise((resolve) => setTimeout(resolve, GATHERED_MS));
    }
    const together = [...this.#waiting.values()];
    this.#waiting = new Map();
    if (together.length > 0) await send(together);
  }
}
