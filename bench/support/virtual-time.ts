interface Happening {
  readonly atMs: number;
  readonly run: () => void | Promise<void>;
}

/**
 * Virtual time: what is planned happens in order, and an hour passes as fast as it can be computed.
 */
export class VirtualTime {
  #nowMs: number;
  #planned: Happening[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  /** Plans `run` for `atMs`, or for now if that is past. */
  plan(atMs: number, run: Happening["run"]): void {
    const happening = { atMs: Math.max(atMs, this.#nowMs), run };
    // Latest first, so that the next to happen is taken off the end; of two at one time the first
    // planned happens first.
    const later = this.#planned.findLastIndex(({ atMs }) => atMs > happening.atMs);
    this.#planned.splice(later + 1, 0, happening);
  }

  /** Lets everything happen that is planned up to `untilMs`. */
  async runUntil(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#planned.at(-1);
      if (next === undefined || next.atMs > untilMs) break;
      this.#planned.pop();
      this.#nowMs = next.atMs;
      await next.run();
    }
    this.#nowMs = untilMs;
  }
}
