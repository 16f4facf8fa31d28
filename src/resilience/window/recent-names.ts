import { murmur3 } from "../hash/murmur3.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface RecentNamesOptions {
  /** For how long a name counts after it was seen, in ms, an integer in [1, 3600000]. */
  readonly memoryMs: number;
  /**
   * Names share this many cells, an integer in [64, 65536]; 4096 if absent. Twice as many names are
   * still told within a few per cent.
   */
  readonly cells?: number;
}

const MEMORY_MS_MAX = 3_600_000;
const CELLS_MIN = 64;
const CELLS_MAX = 65_536;
const SEED = 0;
/** Cells leave the count within this time after they have grown old. */
const SWEEP_EVERY_MS = 1_000;

/**
 * About how many different names were seen lately, in the same memory for ten names and for ten
 * thousand: linear counting (Whang, Vander-Zanden, Taylor 1990) over cells that remember when they
 * were last hit. No name is kept. Once no cell is left it says `cells · ln cells` (34,000),
 * however many more there are.
 *
 * @throws RangeError for an option out of range
 */
export class RecentNames {
  readonly #memoryMs: number;
  readonly #seenAtMs: Float64Array;
  readonly #time: SteadyTime;
  #live = 0;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor({ memoryMs, cells = 4_096 }: RecentNamesOptions) {
    requireIntegerIn("memoryMs", memoryMs, 1, MEMORY_MS_MAX);
    requireIntegerIn("cells", cells, CELLS_MIN, CELLS_MAX);
    this.#memoryMs = memoryMs;
    this.#seenAtMs = new Float64Array(cells).fill(Number.NEGATIVE_INFINITY);
    this.#time = new SteadyTime(memoryMs);
  }

  see(nowMs: number, name: string): void {
    const atMs = this.#time.at(nowMs);
    const cell = murmur3(name, SEED) % this.#seenAtMs.length;
    if ((this.#seenAtMs[cell] ?? 0) < this.#sweptAtMs - this.#memoryMs) this.#live += 1;
    this.#seenAtMs[cell] = atMs;
  }

  /** How many names were seen within the memory that ends at `nowMs`, about. */
  count(nowMs: number): number {
    const atMs = this.#time.at(nowMs);
    if (atMs - this.#sweptAtMs >= SWEEP_EVERY_MS) this.#sweep(atMs);
    const cells = this.#seenAtMs.length;
    if (this.#live >= cells) return Math.round(cells * Math.log(cells));
    return Math.round(-cells * Math.log1p(-this.#live / cells));
  }

  #sweep(atMs: number): void {
    const fromMs = atMs - this.#memoryMs;
    let live = 0;
    for (const seenAtMs of this.#seenAtMs) if (seenAtMs >= fromMs) live += 1;
    this.#live = live;
    this.#sweptAtMs = atMs;
  }
}
