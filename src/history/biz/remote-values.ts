import type { HistoryRecord, Position, RecordKey } from "./record.ts";

/** Names a state of an item. */
export interface ValueKey extends RecordKey, Position {}

/**
 * Values of pending records outside of the shard, by the name of the endpoint that has them. Every
 * call settles within bounded time, is made once, and throws where it doesn't work.
 */
export interface RemoteValues {
  /** Where a new value of a user goes; it counts there until it is {@link release}d. */
  acquire(userId: string): string;
  release(endpoint: string): void;
  /** Whether an endpoint can be reached at all. */
  has(endpoint: string): boolean;
  /** Whether new values go anywhere: without it only what is there already is looked after. */
  readonly takesNew: boolean;
  /**
   * Keeps each record for as long as it takes, unless a newer one of its item is there that doesn't
   * go: those are answered.
   */
  put(endpoint: string, records: readonly HistoryRecord[]): Promise<readonly HistoryRecord[]>;
  /** What there is; null where there is nothing. */
  get(endpoint: string, keys: readonly RecordKey[]): Promise<readonly (HistoryRecord | null)[]>;
  /**
   * The same of states that are pending: each, or what is there before it, is kept from now on for
   * as long as it takes. What is there after it isn't pending, and goes when it was to go.
   */
  recall(endpoint: string, states: readonly ValueKey[]): Promise<readonly (HistoryRecord | null)[]>;
  /** These states, or older ones, may go: in a while, not all at once. */
  drop(endpoint: string, states: readonly ValueKey[]): Promise<void>;
  /** Removes all there is of a user, everywhere, and takes nothing more of them. */
  forget(userId: string, items: readonly RecordKey[]): Promise<void>;
}

/** No endpoint at all: what is said to be at one can't be reached. */
export const NO_VALUES: RemoteValues = {
  takesNew: false,
  acquire: () => "",
  release: () => undefined,
  has: () => false,
  put: () => Promise.reject(new RangeError("no hot store is configured")),
  get: () => Promise.reject(new RangeError("no hot store is configured")),
  recall: () => Promise.reject(new RangeError("no hot store is configured")),
  drop: async () => undefined,
  forget: async () => undefined,
};
