import { MAIN_CELL } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";

interface CellsDeps<T> {
  /** What each cell of the platform has, by its name. */
  readonly parts: ReadonlyMap<string, T>;
  /** Hears once of each cell that somebody is of and that is none of these. */
  readonly onUnknown: (cell: string) => void;
}

/** Unknown cells that are remembered as told: names come from tokens that identity has signed. */
const TOLD_MAX = 100;

/** The cells of the platform: what one has no other is asked for. */
export class Cells<T> {
  /** Of all cells, in the order in which they are configured. */
  readonly all: readonly T[];
  readonly #parts: ReadonlyMap<string, T>;
  readonly #onUnknown: CellsDeps<T>["onUnknown"];
  readonly #told = new Set<string>();

  constructor({ parts, onUnknown }: CellsDeps<T>) {
    this.all = [...parts.values()];
    this.#parts = parts;
    this.#onUnknown = onUnknown;
  }

  /** Something else of the same cells. */
  with<U>(build: (parts: T) => U): Cells<U> {
    const parts = new Map(Array.from(this.#parts, ([name, of]) => [name, build(of)]));
    return new Cells({ parts, onUnknown: this.#onUnknown });
  }

  has(cell: string): boolean {
    return this.#parts.has(cell);
  }

  /**
   * What a cell has; absent: `main`. Throws `UNAVAILABLE` where it is none of ours: its users are
   * served from there or not at all. Everybody else is well, so that no breaker may count it.
   */
  of(cell: string = MAIN_CELL): T {
    const parts = this.#parts.get(cell);
    if (parts !== undefined) return parts;
    if (!this.#told.has(cell) && this.#told.size < TOLD_MAX) {
      this.#told.add(cell);
      this.#onUnknown(cell);
    }
    throw new CodedError("UNAVAILABLE", `The cell ${cell} is not among CELLS`, {
      mustNotRetry: true,
      failedBelow: true,
    });
  }
}
