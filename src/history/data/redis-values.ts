import { errors, Redis } from "@upstash/redis/cloudflare";
import { CodedError } from "../../contracts/errors.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import { HashRing } from "../../resilience/hash/hash-ring.ts";
import type { RedisEndpoint } from "../biz/redis-endpoints.ts";
import type { RemoteValues, ValueKey } from "../biz/ports.ts";
import { itemName, type HistoryRecord, type RecordKey } from "../biz/record.ts";
import { decodeRow, encodeRow } from "./log-codec.ts";
import { DROP, PUT, RECALL } from "./redis-scripts.ts";

interface RedisValuesDeps {
  readonly endpoints: readonly (RedisEndpoint & { readonly token: string; readonly guard: Guard })[];
  /** Whether new values go there: without it only what is there already is looked after. */
  readonly takesNew: boolean;
  /** What one call may take, in ms. */
  readonly timeoutMs: number;
  readonly random: () => number;
  /** Hears of values that can't be read: they are as good as none. */
  readonly onUnreadable: (error: unknown) => void;
}

/** How long a value is kept that nobody needs any more, in ms, and up to which share longer. */
const KEPT_MS = 3_600_000;
const KEPT_JITTER = 0.25;
/** How long it is remembered that a user was erased: longer than any call is on its way. */
const ERASED_KEPT_MS = 86_400_000;
const KEYS_PER_DELETE = 1_000;
const COMMAND_FOLLOWS = ", command was: ";
const SAID_CHARS_MAX = 200;

/**
 * Values in Redis, over REST: one key a record, a sorted set of a user's items, and for a day the
 * mark of an erased one. Each call is made once, within its time, behind its endpoint's guard.
 */
export class RedisValues implements RemoteValues {
  readonly takesNew: boolean;
  readonly #deps: RedisValuesDeps;
  readonly #endpoints = new Map<string, { readonly redis: Redis; readonly guard: Guard }>();
  readonly #ring: HashRing;

  /** @throws RangeError where there is no endpoint */
  constructor(deps: RedisValuesDeps) {
    const { endpoints, takesNew, timeoutMs } = deps;
    this.#deps = deps;
    this.takesNew = takesNew;
    this.#ring = new HashRing(endpoints.map(({ name }) => name));
    for (const { name, url, token, guard } of endpoints)
      this.#endpoints.set(name, {
        guard,
        redis: new Redis({
          url,
          token,
          automaticDeserialization: false,
          enableTelemetry: false,
          retry: { retries: 0 },
          // A signal that has fired already would look like a value that isn't there.
          signal: () => AbortSignal.timeout(timeoutMs),
        }),
      });
  }

  acquire(userId: string): string {
    return this.#ring.acquire(userId);
  }

  release(endpoint: string): void {
    this.#ring.release(endpoint);
  }

  has(endpoint: string): boolean {
    return this.#endpoints.has(endpoint);
  }

  async put(endpoint: string, records: readonly HistoryRecord[]): Promise<readonly HistoryRecord[]> {
    const keys = records.flatMap((record) => [
      valueKey(record),
      itemsKey(record.userId),
      erasedKey(record.userId),
    ]);
    const args = records.flatMap((record) => [
      String(record.atMs),
      String(record.rev),
      encodeValue(record),
      itemName(record),
    ]);
    const refused = await this.#call(endpoint, "write", (redis) => redis.eval(PUT, keys, args));
    if (!Array.isArray(refused)) throw new CodedError("UNAVAILABLE", "Redis answered no list of places");
    return refused.flatMap((place: unknown) => records[Number(place)] ?? []);
  }

  async get(endpoint: string, keys: readonly RecordKey[]): Promise<readonly (HistoryRecord | null)[]> {
    const found = await this.#call(endpoint, "read", (redis) => redis.mget(...keys.map(valueKey)));
    return this.#readAll(keys, found);
  }

  async recall(endpoint: string, states: readonly ValueKey[]): Promise<readonly (HistoryRecord | null)[]> {
    const keys = states.flatMap((state) => [valueKey(state), itemsKey(state.userId)]);
    const args = states.flatMap((state) => [String(state.atMs), String(state.rev), itemName(state)]);
    const found = await this.#call(endpoint, "read", (redis) => redis.eval(RECALL, keys, args));
    return this.#readAll(states, found);
  }

  #readAll(keys: readonly RecordKey[], found: unknown): readonly (HistoryRecord | null)[] {
    if (!Array.isArray(found) || found.length !== keys.length)
      throw new CodedError("UNAVAILABLE", "Redis answered no list of values");
    return keys.map((key, index) => this.#read(key, (found as readonly unknown[])[index]));
  }

  async drop(endpoint: string, states: readonly ValueKey[]): Promise<void> {
    const keys = states.flatMap((state) => [valueKey(state), itemsKey(state.userId)]);
    const args = states.flatMap((state) => [
      String(state.atMs),
      String(state.rev),
      String(Math.round(KEPT_MS * (1 + KEPT_JITTER * this.#deps.random()))),
      itemName(state),
    ]);
    await this.#call(endpoint, "write", (redis) => redis.eval(DROP, keys, args));
  }

  async forget(userId: string, items: readonly RecordKey[]): Promise<void> {
    await Promise.all(
      Array.from(this.#endpoints.keys(), async (endpoint) => {
        // From the mark on nothing comes in any more, whatever is on its way.
        await this.#call(endpoint, "write", (redis) =>
          redis.set(erasedKey(userId), "1", { px: ERASED_KEPT_MS }),
        );
        const known = await this.#call(endpoint, "read", (redis) =>
          redis.zrange<string[]>(itemsKey(userId), 0, -1),
        );
        const names = [...new Set([...known, ...items.map(itemName)])];
        const keys = [...names.map((name) => keyOf(userId, name)), itemsKey(userId)];
        for (let from = 0; from < keys.length; from += KEYS_PER_DELETE) {
          const some = keys.slice(from, from + KEYS_PER_DELETE);
          await this.#call(endpoint, "write", (redis) => redis.del(...some));
        }
      }),
    );
  }

  /** The names of all endpoints. */
  get names(): readonly string[] {
    return [...this.#endpoints.keys()];
  }

  /**
   * What an endpoint does where it is full, by its own words; null where it doesn't say. Only
   * `noeviction` keeps what is pending.
   */
  async evictionPolicy(endpoint: string): Promise<string | null> {
    const info = await this.#call(endpoint, "read", (redis) => redis.exec<unknown>(["INFO", "memory"]));
    return /maxmemory_policy:(\S+)/.exec(String(info))?.[1] ?? null;
  }

  #read(key: RecordKey, value: unknown): HistoryRecord | null {
    if (typeof value !== "string") return null;
    try {
      return decodeValue(key, value);
    } catch (error) {
      this.#deps.onUnreadable(error);
      return null;
    }
  }

  #call<T>(endpoint: string, kind: "read" | "write", call: (redis: Redis) => Promise<T>): Promise<T> {
    const known = this.#endpoints.get(endpoint);
    if (known === undefined)
      return Promise.reject(new CodedError("UNAVAILABLE", `there is no endpoint ${endpoint}`));
    const plan = {
      kind,
      idempotent: true,
      attemptsMax: 1,
      deadlineAtMs: Number.POSITIVE_INFINITY,
    } as const;
    return known.guard.call("call Redis", plan, () => call(known.redis).catch(throwWithoutValues));
  }
}

/**
 * What the client says of a failure has the whole command in it, and of what it can't read the
 * beginning.
 */
function throwWithoutValues(error: unknown): never {
  if (error instanceof errors.UpstashJSONParseError) throw new Error("Redis answered no JSON");
  if (!(error instanceof errors.UpstashError)) throw error;
  const [said = ""] = error.message.split(COMMAND_FOLLOWS);
  throw new Error(said.slice(0, SAID_CHARS_MAX));
}

function keyOf(userId: string, item: string): string {
  return `hot:${userId}:${item}`;
}

function valueKey(key: RecordKey): string {
  return keyOf(key.userId, itemName(key));
}

/** `/` is in the name of each item. */
function itemsKey(userId: string): string {
  return `hot:${userId}:items`;
}

function erasedKey(userId: string): string {
  return `hot:${userId}:erased`;
}

/** As a row of the log has it, behind what scripts compare. */
function encodeValue(record: HistoryRecord): string {
  return `${record.atMs}:${record.rev}:${btoa(String.fromCharCode(...encodeRow([record])))}`;
}

function decodeValue(key: RecordKey, value: string): HistoryRecord {
  const bytes = Uint8Array.from(atob(value.slice(value.lastIndexOf(":") + 1)), (char) => char.charCodeAt(0));
  const [record] = decodeRow(bytes).records;
  if (record === undefined || record.userId !== key.userId || itemName(record) !== itemName(key))
    throw new RangeError("a value is of no record, or of another one");
  return record;
}
