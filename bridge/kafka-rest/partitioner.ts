import { FrontError } from "../shared/front-error.ts";
import { partitionOfKey } from "./murmur2.ts";

/** Topics whose turn is remembered; a forgotten one begins anew, and that is all. */
const TURNS_MAX = 1_000;

/**
 * Chooses partitions as Kafka's own clients do: the one that is named; else by the key; else what
 * comes in one request goes to one, and each request's to the next.
 */
export class Partitioner {
  readonly #turns = new Map<string, number>();

  /** @returns chooses for the messages of one request to one topic. Throws {@link FrontError}. */
  chooser(topic: string, count: number): (wanted: number | undefined, key: Uint8Array | undefined) => number {
    let sticky: number | undefined;
    return (wanted, key) => {
      if (wanted !== undefined) {
        if (wanted >= count)
          throw new FrontError(404, `topic ${topic} has no partition ${wanted}, it has ${count}`);
        return wanted;
      }
      if (key !== undefined) return partitionOfKey(key, count);
      sticky ??= this.#next(topic) % count;
      return sticky;
    };
  }

  #next(topic: string): number {
    const turn = this.#turns.get(topic) ?? 0;
    if (this.#turns.size >= TURNS_MAX) this.#turns.clear();
    this.#turns.set(topic, (turn + 1) % Number.MAX_SAFE_INTEGER);
    return turn;
  }
}
