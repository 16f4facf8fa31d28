import type { ItemKey } from "../../../src/contracts/history.ts";
import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import { newestOf } from "../../../src/history/biz/known-state.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import type { HistoryReader } from "../../../src/history/biz/ports.ts";
import {
  comparePositions,
  itemName,
  type HistoryRecord,
  type RecordKey,
} from "../../../src/history/biz/record.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { admits, confirmationOfState, type UserState } from "../../../src/history/biz/user-state.ts";

/**
 * D1 and the job that writes it, as they should be: the history's own simulator has the real ones.
 * Here they matter because a shard forgets what D1 has.
 */
export class RealtimeDatabase implements HistoryReader {
  readonly #records = new Map<string, Map<string, HistoryRecord>>();
  readonly #states = new Map<string, UserState>();

  async newestOf(userId: string, limit: number): Promise<readonly HistoryRecord[]> {
    return [...this.#of(userId).values()].sort((a, b) => comparePositions(b, a)).slice(0, limit);
  }

  async find(userId: string, items: readonly ItemKey[]): Promise<readonly HistoryRecord[]> {
    const names = new Set(items.map(itemName));
    return [...this.#of(userId).values()].filter((record) => names.has(itemName(record)));
  }

  erase(userId: string): void {
    this.#records.delete(userId);
    this.#states.delete(userId);
  }

  /** Does what a message asks for. Answers how many records were written. */
  async work(message: QueueMessage, ask: <T>(run: (shard: Shard) => T) => Promise<T>): Promise<number> {
    if (message.type !== "flush") return 0;
    const keys = message.users.flatMap(([userId, names]) => names.map((name) => keyOf(userId, name)));
    const userIds = message.states ?? [];
    const states = await ask((shard) => shard.collectStates(userIds));
    for (const state of states) this.#states.set(state.userId, state);
    // Before anything is written: what was cleared would win over what came after it.
    this.#prune();
    await ask((shard) => shard.confirmStates(states.map(confirmationOfState)));
    const records = await ask((shard) => shard.collect(keys, LOG_FORMAT));
    for (const record of records) {
      const known = this.#of(record.userId);
      const name = itemName(record);
      known.set(name, newestOf(known.get(name), record) ?? record);
    }
    this.#prune();
    await ask((shard) =>
      shard.confirm(records.map(({ userId, kind, itemId, rev }) => ({ userId, kind, itemId, rev }))),
    );
    return records.length;
  }

  #prune(): void {
    for (const [userId, known] of this.#records)
      for (const [name, record] of known)
        if (!admits(this.#states.get(userId) ?? null, record)) known.delete(name);
  }

  #of(userId: string): Map<string, HistoryRecord> {
    const known = this.#records.get(userId) ?? new Map<string, HistoryRecord>();
    this.#records.set(userId, known);
    return known;
  }
}

function keyOf(userId: string, name: string): RecordKey {
  const slash = name.indexOf("/");
  return { userId, kind: name.slice(0, slash), itemId: name.slice(slash + 1) };
}
