import { comparePositions, type HistoryRecord, type RecordKey } from "../../../src/history/biz/record.ts";
import type { ValueKey } from "../../../src/history/biz/ports.ts";
import { recordName } from "../../support/databases/history-records.ts";

interface Kept {
  readonly record: HistoryRecord;
  /** When it goes, in ms; null: never. */
  readonly endsAtMs: number | null;
}

/** What one Redis keeps, as src/history/data/redis-scripts.ts has it do. */
export class EndpointInMemory {
  /** By the names of records. */
  readonly values = new Map<string, Kept>();
  readonly #erased = new Set<string>();
  #copy: ReadonlyMap<string, Kept> = new Map();

  put(records: readonly HistoryRecord[]): readonly HistoryRecord[] {
    return records.filter((record) => {
      if (this.#erased.has(record.userId)) return false;
      const known = this.values.get(recordName(record));
      const isOlder = known?.endsAtMs === null && comparePositions(record, known.record) < 0;
      if (!isOlder) this.values.set(recordName(record), { record, endsAtMs: null });
      return isOlder;
    });
  }

  get(keys: readonly RecordKey[], nowMs: number): readonly (HistoryRecord | null)[] {
    return keys.map((key) => {
      const name = recordName(key);
      const kept = this.values.get(name);
      if (kept === undefined) return null;
      if (kept.endsAtMs !== null && kept.endsAtMs <= nowMs) {
        this.values.delete(name);
        return null;
      }
      return kept.record;
    });
  }

  recall(states: readonly ValueKey[], nowMs: number): readonly (HistoryRecord | null)[] {
    this.get(states, nowMs);
    return states.map((state) => {
      const kept = this.values.get(recordName(state));
      if (kept === undefined) return null;
      const order = comparePositions(kept.record, state);
      if (order > 0 || (order < 0 && kept.endsAtMs !== null)) return null;
      this.values.set(recordName(state), { ...kept, endsAtMs: null });
      return kept.record;
    });
  }

  drop(states: readonly ValueKey[], endsAtMs: number): void {
    for (const state of states) {
      const kept = this.values.get(recordName(state));
      if (kept !== undefined && comparePositions(kept.record, state) <= 0)
        this.values.set(recordName(state), { ...kept, endsAtMs });
    }
  }

  /** From now on nothing of a user comes in. */
  refuse(userId: string): void {
    this.#erased.add(userId);
  }

  remove(userId: string): void {
    for (const name of this.values.keys()) if (name.startsWith(`${userId}/`)) this.values.delete(name);
  }

  users(): ReadonlySet<string> {
    return new Set(Array.from(this.values.values(), ({ record }) => record.userId));
  }

  valuesOf(userId: string): number {
    return Array.from(this.values.values()).filter(({ record }) => record.userId === userId).length;
  }

  /** A replica has what there is now. */
  copy(): void {
    this.#copy = new Map(this.values);
  }

  /** Everything is as the replica has it; answers what was newer. */
  failOver(): readonly HistoryRecord[] {
    const newer = Array.from(this.values.values(), ({ record }) => record).filter((record) => {
      const older = this.#copy.get(recordName(record))?.record;
      return older === undefined || comparePositions(older, record) < 0;
    });
    this.values.clear();
    for (const [name, kept] of this.#copy) this.values.set(name, kept);
    return newer;
  }
}
