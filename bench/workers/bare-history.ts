import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { jumpHash, jumpKey } from "../../src/resilience/hash/jump-hash.ts";

interface BareEnv {
  readonly SHARD: DurableObjectNamespace<CountingShard>;
  /** Reports are answered together, so many ms after the first of them; at once if absent. */
  readonly TOGETHER_MS?: number;
}

const ENTRIES = [
  {
    kind: "video",
    itemId: "movie-1",
    positionMs: 61_000,
    durationMs: 596_000,
    event: "playing",
    watchedAt: 1_795_408_805_919,
    watched: false,
  },
] as const;

/** The last hop of the bare chain: a shard that only counts. */
export class CountingShard extends DurableObject<BareEnv> {
  #count = 0;

  #answers: (() => void)[] = [];

  async report(reports: readonly object[]): Promise<{ accepted: number; total: number }> {
    this.#count += reports.length;
    if (this.env.TOGETHER_MS !== undefined) await this.#turn(this.env.TOGETHER_MS);
    return { accepted: reports.length, total: this.#count };
  }

  /** What waiting for a shared commit costs by itself: requests in flight, and nothing written. */
  #turn(togetherMs: number): Promise<void> {
    if (this.#answers.length === 0) {
      setTimeout(() => {
        for (const answer of this.#answers.splice(0)) answer();
      }, togetherMs);
    }
    return new Promise((resolve) => void this.#answers.push(resolve));
  }

  /** As many bytes as the product answers to a user who has reported one item. */
  continueWatching(limit: number): object {
    return { items: ENTRIES.slice(0, limit) };
  }
}

/** The third hop: finds the shard as the real service does. */
export class Playback extends WorkerEntrypoint<BareEnv> {
  async report(user: string, reports: readonly object[]): Promise<{ accepted: number }> {
    const { accepted } = await this.env.SHARD.getByName(`shard-${jumpHash(jumpKey(user), 16)}`).report(
      reports,
    );
    return { accepted };
  }

  async continueWatching(user: string, limit: number): Promise<object> {
    return this.env.SHARD.getByName(`shard-${jumpHash(jumpKey(user), 16)}`).continueWatching(limit);
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
