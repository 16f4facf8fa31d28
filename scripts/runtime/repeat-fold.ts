/** How long one line speaks for all of its kind. */
const WINDOW_MS = 10_000;
/**
 * Kinds told apart; whatever else comes is one kind together, so that a message with a number in it
 * can't fill memory.
 */
const KINDS_MAX = 100;
const OTHER = "other lines";

interface Window {
  readonly endsAtMs: number;
  held: number;
}

interface RepeatFoldOptions {
  readonly show: (line: string) => void;
  readonly now: () => number;
}

/**
 * What a terminal gets of a log: the first line of a kind at once, and of those that follow within
 * ten seconds only how many they were. A flood of one error then hides neither the others nor
 * itself.
 */
export class RepeatFold {
  readonly #show: (line: string) => void;
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();

  constructor({ show, now }: RepeatFoldOptions) {
    this.#show = show;
    this.#now = now;
  }

  take(kind: string, line: string): void {
    this.sweep();
    const key = this.#windows.has(kind) || this.#windows.size < KINDS_MAX ? kind : OTHER;
    const window = this.#windows.get(key);
    if (window === undefined) {
      this.#windows.set(key, { endsAtMs: this.#now() + WINDOW_MS, held: 0 });
      this.#show(line);
    } else {
      window.held += 1;
    }
  }

  /**
   * Tells what was held back in windows that have ended. To be called now and then, since nobody
   * else may come.
   */
  sweep(): void {
    const nowMs = this.#now();
    for (const [kind, { endsAtMs, held }] of this.#windows) {
      if (nowMs < endsAtMs) continue;
      this.#windows.delete(kind);
      if (held > 0) this.#show(`… ${held} more of: ${kind}`);
    }
  }
}
