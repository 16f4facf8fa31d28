import type { DurablePending } from "./durable-pending.ts";
import type { HotStore, Reported } from "./ports.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";

/**
 * The shard's own store: what is taken is in its log when `put` returns, the object's output gate
 * holds whoever waits until that is on disk, and all that is pending is in memory.
 */
export class OwnHotStore implements HotStore {
  readonly isRemote = false;
  readonly unread = 0;
  readonly dueMs = null;
  readonly #durable: DurablePending;

  constructor(durable: DurablePending) {
    this.#durable = durable;
  }

  put({ records, isNews }: Reported, nowMs: number): void {
    this.#durable.write({ records, users: [], isNews }, nowMs);
  }

  durable(): undefined {
    return undefined;
  }

  isLoaded(): boolean {
    return true;
  }

  load(): undefined {
    return undefined;
  }

  collect(keys: readonly RecordKey[], takes: (record: HistoryRecord) => boolean): readonly HistoryRecord[] {
    return this.#durable.collect(keys, takes);
  }

  drop(confirmations: readonly Confirmation[], nowMs: number): void {
    this.#durable.confirm(confirmations, nowMs);
  }

  forget(userId: string, nowMs: number): void {
    this.#durable.erase(userId, nowMs);
  }

  tend(): void {
    // Nothing is ever left to do.
  }
}
