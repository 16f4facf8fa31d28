import type { RemoteValues, ValueKey } from "../../../src/history/biz/ports.ts";
import type { HistoryRecord, RecordKey } from "../../../src/history/biz/record.ts";
import { EndpointInMemory } from "./endpoint-in-memory.ts";

type Call = "put" | "get" | "recall" | "drop" | "forget";

/** Longer than any test looks. */
const KEPT_MS = 3_600_000;

/** Endpoints in memory, which fail as they are told to. */
export class ValuesInMemory implements RemoteValues {
  takesNew = true;
  readonly endpoints: Map<string, EndpointInMemory>;
  /** Thrown by each call of an endpoint, before it does anything. */
  fails: ((call: Call, endpoint: string) => unknown) | null = null;
  /** Calls wait for it before they do anything. */
  gate: Promise<void> = Promise.resolve();
  readonly calls: string[] = [];
  /** Values that count at an endpoint: given one, and not let go yet. */
  load = 0;

  constructor(...endpoints: readonly string[]) {
    const names = endpoints.length === 0 ? ["a"] : endpoints;
    this.endpoints = new Map(names.map((name) => [name, new EndpointInMemory()]));
  }

  acquire(): string {
    this.load += 1;
    const [first = ""] = this.endpoints.keys();
    return first;
  }

  release(): void {
    this.load -= 1;
  }

  has(endpoint: string): boolean {
    return this.endpoints.has(endpoint);
  }

  /** What an endpoint has, by the names of records. */
  at(endpoint = "a"): EndpointInMemory["values"] {
    return this.#endpoint(endpoint).values;
  }

  async put(endpoint: string, records: readonly HistoryRecord[]): Promise<readonly HistoryRecord[]> {
    return (await this.#call("put", endpoint)).put(records);
  }

  async get(endpoint: string, keys: readonly RecordKey[]): Promise<readonly (HistoryRecord | null)[]> {
    return (await this.#call("get", endpoint)).get(keys, 0);
  }

  async recall(endpoint: string, states: readonly ValueKey[]): Promise<readonly (HistoryRecord | null)[]> {
    return (await this.#call("recall", endpoint)).recall(states, 0);
  }

  async drop(endpoint: string, states: readonly ValueKey[]): Promise<void> {
    (await this.#call("drop", endpoint)).drop(states, KEPT_MS);
  }

  async forget(userId: string): Promise<void> {
    for (const endpoint of this.endpoints.keys()) {
      const values = await this.#call("forget", endpoint);
      values.refuse(userId);
      values.remove(userId);
    }
  }

  async #call(call: Call, endpoint: string): Promise<EndpointInMemory> {
    this.calls.push(call);
    await this.gate;
    const failure = this.fails?.(call, endpoint);
    if (failure instanceof Error) throw failure;
    return this.#endpoint(endpoint);
  }

  #endpoint(name: string): EndpointInMemory {
    const endpoint = this.endpoints.get(name);
    if (endpoint === undefined) throw new RangeError(`there is no endpoint ${name}`);
    return endpoint;
  }
}
