import type { Cell } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { lostCells } from "./lost-cells.ts";
import type { CellStore } from "./ports.ts";

export interface CellCheckDeps {
  /** As the var `CELLS` names them. */
  readonly cells: readonly Cell[];
  readonly store: CellStore;
  readonly now: Clock;
  /** Hears why nothing is done here, at most once. */
  readonly onRefused: (why: string) => void;
}

/**
 * A store that can't be asked isn't asked at each call: that would make all of them later. Nor as
 * often as keys are read: together they would leave a refresh too little time each time.
 */
const ASK_AGAIN_MS = 60_000;
/** Who is refused comes back then, with nothing spent. */
const RETRY_AFTER_MS = 10_000;

/**
 * Refuses to work with cells from which one with users is missing. Asked before each call of an
 * isolate until it is known that none is; from then on it costs nothing. Where that can't be found
 * out the call goes on: it asks the same database, and users of a cell that isn't there get no
 * further than to history.
 */
export class CellCheck {
  readonly #deps: CellCheckDeps;
  #isPassed = false;
  #failedAtMs: number | null = null;
  #hasTold = false;

  constructor(deps: CellCheckDeps) {
    this.#deps = deps;
  }

  /** Throws `UNAVAILABLE` where a cell with users is missing; undefined: nobody need be asked. */
  begin(): Promise<void> | undefined {
    if (this.#isPassed) return undefined;
    const sinceFailureMs = this.#failedAtMs === null ? ASK_AGAIN_MS : this.#deps.now() - this.#failedAtMs;
    return sinceFailureMs >= 0 && sinceFailureMs < ASK_AGAIN_MS ? undefined : this.#ask();
  }

  async #ask(): Promise<void> {
    const { cells, store, now, onRefused } = this.#deps;
    let inUse: readonly string[];
    try {
      inUse = await store.inUse();
    } catch {
      this.#failedAtMs = now();
      return;
    }
    const why = lostCells(cells, inUse);
    if (why === null) {
      this.#isPassed = true;
      return;
    }
    if (!this.#hasTold) onRefused(why);
    this.#hasTold = true;
    throw new CodedError("UNAVAILABLE", why, { retryAfterMs: RETRY_AFTER_MS });
  }
}
