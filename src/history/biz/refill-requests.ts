import type { Clock } from "../../resilience/clock.ts";
import type { FlushQueue } from "./ports.ts";

interface RefillRequestsDeps {
  readonly shard: number;
  readonly queue: FlushQueue;
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

interface Pause {
  untilMs: number;
  lengthMs: number;
}

const PAUSE_MS = 5_000;
const PAUSE_MS_MAX = 600_000;

/**
 * Asks the job to make this shard load a user whom D1 could not give. One user a database at a
 * time, less and less often while that database stays away: an outage has many readers, and a
 * message for each of them would be an outage of the queue. Whoever is not asked for is loaded when
 * they read again.
 */
export class RefillRequests {
  readonly #deps: RefillRequestsDeps;
  readonly #pauses = new Map<number, Pause>();

  constructor(deps: RefillRequestsDeps) {
    this.#deps = deps;
  }

  /** A load from this database has failed. Never throws, and takes no time of the caller's. */
  ask(database: number, userId: string): void {
    const nowMs = this.#deps.now();
    const pause = this.#pauses.get(database);
    const lengthMs = pause === undefined ? PAUSE_MS : Math.min(PAUSE_MS_MAX, pause.lengthMs * 2);
    // A pause that ends later than any may was begun by a clock that has been set back since.
    if (pause !== undefined && nowMs < pause.untilMs && pause.untilMs - nowMs <= PAUSE_MS_MAX) return;
    this.#pauses.set(database, { untilMs: nowMs + lengthMs, lengthMs });
    void this.#send(userId);
  }

  /** A load from this database has succeeded. */
  succeeded(database: number): void {
    this.#pauses.delete(database);
  }

  async #send(userId: string): Promise<void> {
    try {
      await this.#deps.queue.send([{ type: "refill", shard: this.#deps.shard, userId }]);
    } catch (error) {
      this.#deps.onBackgroundFailure("ask for a refill", error);
    }
  }
}
