import type { Kernel } from "./kernel.ts";

const MONTH_MS = 30 * 86_400_000;
/** Share of a machine's readings that are a month ahead, where that happens at all. */
const MONTH_AHEAD = 0.02;

/**
 * The wall clock of a machine: wrong by some minutes, and by others after a restart, which may be
 * on another machine.
 */
export class SimClock {
  readonly #kernel: Kernel;
  readonly #hardship: { readonly skewMsMax: number };
  readonly #jumps: boolean;
  #skewMs = 0;

  constructor(kernel: Kernel, hardship: { readonly skewMsMax: number }, jumps: boolean) {
    this.#kernel = kernel;
    this.#hardship = hardship;
    this.#jumps = jumps;
    this.step(() => undefined);
  }

  readonly now = (): number => {
    const isAhead = this.#jumps && this.#hardship.skewMsMax > 0 && this.#kernel.chance(MONTH_AHEAD);
    return this.#kernel.nowMs + this.#skewMs + (isAhead ? MONTH_MS : 0);
  };

  /** Now and then a restart finds another clock. */
  step(onStep: () => void): void {
    if (this.#hardship.skewMsMax === 0 || !this.#kernel.chance(0.5)) return;
    this.#skewMs = Math.floor((2 * this.#kernel.random() - 1) * this.#hardship.skewMsMax);
    onStep();
  }
}
