import type { Pressure } from "./pressure.ts";

const HIGH = 0.8;

/**
 * For self-hosted runtimes, which can tell how busy they are: pressure is high from 80 % CPU on
 * (go-kratos/aegis, ratelimit/bbr).
 */
export class CpuPressure implements Pressure {
  readonly #usage: () => number;

  /** @param usage - the share of the CPU in use, smoothed, in [0, 1] */
  constructor(usage: () => number) {
    this.#usage = usage;
  }

  onStart(): void {
    // Nothing is learned from work: the CPU tells.
  }

  onDone(): void {
    // Nothing is learned from work: the CPU tells.
  }

  onOverloaded(): void {
    // Nothing is learned from work: the CPU tells.
  }

  isHigh(): boolean {
    return this.#usage() >= HIGH;
  }

  excess(): number {
    return this.#usage() / HIGH;
  }
}
