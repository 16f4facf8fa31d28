import { CodedError } from "../../contracts/errors.ts";
import { everyOne } from "./every-one.ts";
import { isElsewhere, shardOf, type Elsewhere, type ShardMapping } from "./shard-mapping.ts";

interface ShardDirectoryDeps {
  /** Shards of the very first mapping: what is guessed until a shard says otherwise. */
  readonly seedShards: number;
  /** Asks the mapping object. Throws `UNAVAILABLE`. */
  readonly askMapping: () => Promise<ShardMapping>;
}

/** Asks one shard on behalf of a user, saying which mapping has led there. */
export type AskShard<T> = (shard: number, mapping: ShardMapping) => Promise<T | Elsewhere>;

/**
 * A wrong guess is put right by the first answer; a mapping that changes meanwhile, by the second.
 */
const HOPS_MAX = 3;
/** Users whose shard is remembered: each comes again in ten seconds, and to hash an id costs. */
const PLACES_MAX = 10_000;

/**
 * Which shard a user belongs to, as far as this isolate knows. Nobody is asked before a shard is
 * called: the call says by which mapping it was addressed, and a shard that knows better says so.
 * So no report waits for the place where the mapping is kept.
 */
export class ShardDirectory {
  readonly #askMapping: ShardDirectoryDeps["askMapping"];
  #known: ShardMapping;
  readonly #places = new Map<string, number>();

  constructor({ seedShards, askMapping }: ShardDirectoryDeps) {
    this.#known = { version: 0, shards: seedShards };
    this.#askMapping = askMapping;
  }

  /** The answer of the user's shard, wherever it turns out to be. */
  async ofUser<T>(userId: string, ask: AskShard<T>): Promise<T> {
    for (let hop = 0; hop < HOPS_MAX; hop += 1) {
      const mapping = this.#known;
      const answer = await ask(this.#placeOf(userId), mapping);
      if (!isElsewhere(answer)) return answer;
      this.#learn(answer.elsewhere);
    }
    throw disagreeing();
  }

  /**
   * The answers of the shards of many users, each shard asked once for all of its own; `ask` has
   * one for each, in order. What a shard fails to answer `failed` does.
   *
   * @returns one for each item, in order
   */
  async ofUsers<I extends { readonly userId: string }, T>(
    items: readonly I[],
    ask: (shard: number, mapping: ShardMapping, items: readonly I[]) => Promise<readonly T[] | Elsewhere>,
    failed: (error: unknown) => T,
  ): Promise<readonly T[]> {
    const answers = new Map<I, T>();
    for (let hop = 0; hop < HOPS_MAX && answers.size < items.length; hop += 1) {
      const mapping = this.#known;
      const left = items.filter((item) => !answers.has(item));
      await everyOne([...Map.groupBy(left, ({ userId }) => this.#placeOf(userId))], async ([shard, own]) => {
        const answer = await ask(shard, mapping, own).catch((error: unknown) => own.map(() => failed(error)));
        if (isElsewhere(answer)) return this.#learn(answer.elsewhere);
        for (const [index, item] of own.entries()) {
          const one = answer[index];
          if (one !== undefined) answers.set(item, one);
        }
      });
    }
    return items.map((item) => {
      const answer = answers.get(item);
      return answer === undefined ? failed(disagreeing()) : answer;
    });
  }

  /**
   * The mapping in force, for whoever has to call every shard: as the mapping object says, or as a
   * shard has said before.
   */
  async mapping(): Promise<ShardMapping> {
    try {
      this.#learn(await this.#askMapping());
    } catch (error) {
      if (this.#known.version === 0) throw error;
    }
    return this.#known;
  }

  /** No more of it than calls say: the mapping object's answer has the map of buckets, too. */
  #learn({ version, shards }: ShardMapping): void {
    if (shards !== this.#known.shards) this.#places.clear();
    this.#known = { version, shards };
  }

  #placeOf(userId: string): number {
    const known = this.#places.get(userId);
    if (known !== undefined) return known;
    if (this.#places.size >= PLACES_MAX) this.#places.clear();
    const place = shardOf(userId, this.#known);
    this.#places.set(userId, place);
    return place;
  }
}

function disagreeing(): CodedError {
  return new CodedError("UNAVAILABLE", "The shards do not agree on where a user belongs");
}
