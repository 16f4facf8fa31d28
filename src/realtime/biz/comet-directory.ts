import type { Principal } from "../../contracts/call-context.ts";
import { MAIN_CELL } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import { cometOfUser } from "./comet-name.ts";

interface CometDirectoryDeps {
  /** The cells that there are. */
  readonly cells: readonly string[];
  /** Asks history how many shards a cell has. Throws a catalogue error. */
  readonly askShards: (cell: string) => Promise<number>;
  /** So long is waited for another's question, in ms. */
  readonly waitMs: number;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

/** What is known of one cell. */
interface KnownCell {
  shards: number | null;
  /** When history is asked again. */
  askAtMs: number;
  askingSinceMs: number | null;
}

const KNOWN_MS = 60_000;
/** After a failure the last word holds for so long before history is asked again. */
const FAILURE_REST_MS = 1_000;
const POLL_MS = 10;

/**
 * Which comet a user's sockets go to. How many shards a cell has is asked once a minute, by one for
 * all; the last word holds where history can't say, since a socket that is in another comet than
 * the next one works as well. A request can't wait for another's promise: it looks whether the
 * answer has come.
 */
export class CometDirectory {
  readonly #deps: CometDirectoryDeps;
  readonly #time = new SteadyTime(KNOWN_MS);
  readonly #cells: ReadonlyMap<string, KnownCell>;

  constructor(deps: CometDirectoryDeps) {
    this.#deps = deps;
    this.#cells = new Map(
      deps.cells.map((cell) => [
        cell,
        { shards: null, askAtMs: Number.NEGATIVE_INFINITY, askingSinceMs: null },
      ]),
    );
  }

  /** Throws `UNAVAILABLE`, or what history throws, where nothing is known of the user's cell. */
  async cometOf(user: Pick<Principal, "userId" | "cell">): Promise<string> {
    return cometOfUser(user, await this.shardsOf(user.cell ?? MAIN_CELL));
  }

  /** How many shards, and so comets, a cell has. Throws as `cometOf` does. */
  async shardsOf(cell: string): Promise<number> {
    const known = this.#cells.get(cell);
    if (known === undefined) {
      const hints = { mustNotRetry: true, failedBelow: true } as const;
      throw new CodedError("UNAVAILABLE", `The cell ${cell} is not among CELLS`, hints);
    }
    const startedAtMs = this.#nowMs();
    for (;;) {
      const nowMs = this.#nowMs();
      const isAsking = known.askingSinceMs !== null && nowMs - known.askingSinceMs < this.#deps.waitMs;
      if (known.shards !== null && (isAsking || nowMs < known.askAtMs)) return known.shards;
      if (!isAsking) return this.#ask(cell, known);
      if (nowMs - startedAtMs >= this.#deps.waitMs)
        throw new CodedError("UNAVAILABLE", "It isn't known yet where sockets go", {
          retryAfterMs: FAILURE_REST_MS,
        });
      await this.#deps.sleep(POLL_MS);
    }
  }

  async #ask(cell: string, known: KnownCell): Promise<number> {
    const askedAtMs = this.#nowMs();
    known.askingSinceMs = askedAtMs;
    try {
      known.shards = await this.#deps.askShards(cell);
      known.askAtMs = this.#nowMs() + KNOWN_MS;
    } catch (error) {
      known.askAtMs = this.#nowMs() + FAILURE_REST_MS;
      if (known.shards === null) throw error;
    } finally {
      if (known.askingSinceMs === askedAtMs) known.askingSinceMs = null;
    }
    return known.shards;
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }
}
