import type { RateWindowRpc } from "../../../src/contracts/durable.ts";
import { ClientWindows } from "../../../src/durable/biz/client-windows.ts";
import type { ObjectStore } from "../../../src/durable/biz/ports.ts";
import type { Clock } from "../../../src/resilience/clock.ts";

/** An object's storage in memory. Values are copied, as storage copies them. */
export class MemoryObjectStore implements ObjectStore {
  readonly values = new Map<string, unknown>();
  alarmAtMs: number | null = null;
  writes = 0;
  /** How often all of it was erased. */
  erased = 0;
  /**
   * The write from now on that throws, 1 being the next; 0 for none. Those before it have been
   * made.
   */
  failsAtWrite = 0;

  get(key: string): unknown {
    return structuredClone(this.values.get(key));
  }

  put(key: string, value: unknown): void {
    this.#write(() => this.values.set(key, structuredClone(value)));
  }

  *entries(prefix: string): Iterable<readonly [string, unknown]> {
    for (const [key, value] of this.values) if (key.startsWith(prefix)) yield [key, structuredClone(value)];
  }

  delete(key: string): void {
    this.#write(() => this.values.delete(key));
  }

  erase(): void {
    this.values.clear();
    this.alarmAtMs = null;
    this.erased += 1;
  }

  setAlarm(atMs: number): void {
    this.#write(() => (this.alarmAtMs = atMs));
  }

  transaction(work: () => void): void {
    const values = new Map(this.values);
    const { alarmAtMs } = this;
    try {
      work();
    } catch (error) {
      this.values.clear();
      for (const [key, value] of values) this.values.set(key, value);
      this.alarmAtMs = alarmAtMs;
      throw error;
    }
  }

  #write(make: () => unknown): void {
    if (this.failsAtWrite > 0 && (this.failsAtWrite -= 1) === 0) throw new Error("the store refused a write");
    this.writes += 1;
    make();
  }
}

/** The windows of all clients, each over a storage of its own that outlives a restart. */
export class MemoryWindows {
  readonly #now: Clock;
  readonly #stores = new Map<string, MemoryObjectStore>();
  #objects = new Map<string, ClientWindows>();
  calls = 0;
  unreachable = false;

  constructor(now: Clock) {
    this.#now = now;
  }

  readonly windowOf = (name: string): RateWindowRpc => ({
    ask: async (asks) => {
      this.calls += 1;
      if (this.unreachable) throw new Error("the object can't be reached");
      return this.#object(name).ask(asks);
    },
    view: async () => this.#object(name).view(),
  });

  /** Every object is killed: what was in memory only is gone. */
  killAll(): void {
    this.#objects = new Map();
  }

  #object(name: string): ClientWindows {
    const known = this.#objects.get(name);
    if (known !== undefined) return known;
    const store = this.#stores.get(name) ?? new MemoryObjectStore();
    this.#stores.set(name, store);
    const fresh = new ClientWindows(store, this.#now, store.alarmAtMs);
    this.#objects.set(name, fresh);
    return fresh;
  }
}
