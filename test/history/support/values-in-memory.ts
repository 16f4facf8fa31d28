import type { RemoteValues, ValueKey } from "../../../src/history/biz/remote-values.ts";
import { comparePositions, type HistoryRecord, type RecordKey } from "../../../src/history/biz/record.ts";
import { recordName } from "../../support/databases/history-records.ts";

interface Kept {
  readonly record: HistoryRecord;
  readonly hasLifetime: boolean;
}

/** Endpoints in memory, which fail as they are told to. */
export class ValuesInMemory implements RemoteValues {
  takesNew = true;
  readonly endpoints: Map<string, Map<string, Kept>>;
  /** Thrown by each call of an endpoint, before it does anything. */
  fails: ((call: "put" | "get" | "drop" | "forget", endpoint: string) => unknown) | null = null;
  /** Calls wait for it before they do anything. */
  gate: Promise<void> = Promise.resolve();
  readonly calls: string[] = [];
  readonly #forgotten = new Set<string>();

  constructor(...endpoints: readonly string[]) {
    this.endpoints = new Map((endpoints.length === 0 ? ["a"] : endpoints).map((name) => [name, new Map()]));
  }

  acquire(): string {
    const [first = ""] = this.endpoints.keys();
    return first;
  }

  release(): void {
    // Nothing is counted.
  }

  has(endpoint: string): boolean {
    return this.endpoints.has(endpoint);
  }

  /** What an endpoint has, by the names of records. */
  at(endpoint = "a"): Map<string, Kept> {
    const values = this.endpoints.get(endpoint);
    if (values === undefined) throw new RangeError(`there is no endpoint ${endpoint}`);
    return values;
  }

  async put(endpoint: string, records: readonly HistoryRecord[]): Promise<void> {
    const values = await this.#call("put", endpoint);
    for (const record of records) {
      const known = values.get(recordName(record))?.record;
      if (this.#forgotten.has(record.userId)) continue;
      if (known === undefined || comparePositions(record, known) > 0)
        values.set(recordName(record), { record, hasLifetime: false });
    }
  }

  async get(endpoint: string, keys: readonly RecordKey[]): Promise<readonly (HistoryRecord | null)[]> {
    const values = await this.#call("get", endpoint);
    return keys.map((key) => {
      const kept = values.get(recordName(key));
      if (kept === undefined) return null;
      values.set(recordName(key), { ...kept, hasLifetime: false });
      return kept.record;
    });
  }

  async drop(endpoint: string, states: readonly ValueKey[]): Promise<void> {
    const values = await this.#call("drop", endpoint);
    for (const state of states) {
      const kept = values.get(recordName(state));
      if (kept !== undefined && comparePositions(kept.record, state) <= 0)
        values.set(recordName(state), { ...kept, hasLifetime: true });
    }
  }

  async forget(userId: string): Promise<void> {
    for (const endpoint of this.endpoints.keys()) {
      const values = await this.#call("forget", endpoint);
      for (const name of values.keys()) if (name.startsWith(`${userId}/`)) values.delete(name);
    }
    this.#forgotten.add(userId);
  }

  async #call(call: "put" | "get" | "drop" | "forget", endpoint: string): Promise<Map<string, Kept>> {
    this.calls.push(call);
    await this.gate;
    const failure = this.fails?.(call, endpoint);
    if (failure instanceof Error) throw failure;
    return this.at(endpoint);
  }
}
