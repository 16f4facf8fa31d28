import { cloned } from "../../../testbed/cost/cloned.ts";
import type { Stage } from "./stage.ts";
import type { Meters } from "./meters.ts";
import { RecordedSql, type SqlValue } from "./recorded-sql.ts";

interface StorageDeps {
  readonly stage: Stage;
  readonly meters: Meters;
  /** Until a write has reached the disks that make it durable, in ms. */
  readonly confirmMs: number;
  readonly onAlarm: () => void;
}

/** As much of an object's storage as our code uses. What is kept by a key is a row each time. */
export class ObjectStorage {
  readonly #deps: StorageDeps;
  readonly #values = new Map<string, unknown>();
  /** Made when it is first used: windows of clients have no tables. */
  #sql: RecordedSql | null = null;
  #alarmAtMs: number | null = null;
  #dropAlarm: () => void = () => undefined;
  #durableAtMs = 0;

  constructor(deps: StorageDeps) {
    this.#deps = deps;
  }

  get recorded(): RecordedSql | null {
    return this.#sql;
  }

  /** When everything written so far is durable. */
  get durableAtMs(): number {
    return this.#durableAtMs;
  }

  readonly sql = {
    exec: (query: string, ...values: SqlValue[]) => {
      this.#sql ??= new RecordedSql(this.#deps.meters.countsStatement);
      if (values.length === 0 && query.includes(";")) {
        this.#sql.script(query);
        return cursorOf([]);
      }
      if (!/^\s*select\b/i.test(query)) this.#wrote();
      return cursorOf(this.#sql.exec(query, values));
    },
  };

  readonly kv = {
    get: (key: string): unknown => {
      this.#deps.meters.add("objectRowsRead", 1);
      return cloned(this.#values.get(key));
    },
    put: (key: string, value: unknown): void => {
      this.#writeRow();
      this.#values.set(key, cloned(value));
    },
    delete: (key: string): boolean => {
      this.#writeRow();
      return this.#values.delete(key);
    },
    list: ({ prefix = "" }: { readonly prefix?: string } = {}): readonly (readonly [string, unknown])[] => {
      const found = [...this.#values].filter(([key]) => key.startsWith(prefix));
      this.#deps.meters.add("objectRowsRead", found.length);
      return cloned(found);
    },
  };

  /** Makes what `work` writes, or nothing of it if it throws. */
  transactionSync<T>(work: () => T): T {
    const before = new Map(this.#values);
    try {
      return this.#sql === null ? work() : this.#sql.transaction(work);
    } catch (error) {
      this.#values.clear();
      for (const [key, value] of before) this.#values.set(key, value);
      throw error;
    }
  }

  async getAlarm(): Promise<number | null> {
    return this.#alarmAtMs;
  }

  async setAlarm(atMs: number | Date): Promise<void> {
    this.#writeRow();
    this.#dropAlarm();
    const { time } = this.#deps.stage;
    const alarmAtMs = Number(atMs);
    this.#alarmAtMs = alarmAtMs;
    this.#dropAlarm = time.at(Math.max(alarmAtMs, time.now()), () => {
      this.#alarmAtMs = null;
      this.#deps.onAlarm();
    });
  }

  async deleteAlarm(): Promise<void> {
    this.#writeRow();
    this.#dropAlarm();
    this.#alarmAtMs = null;
  }

  async deleteAll(): Promise<void> {
    this.#writeRow();
    this.#values.clear();
    this.#dropAlarm();
    this.#alarmAtMs = null;
    if (this.#sql !== null) throw new Error("an object that has tables is never emptied");
  }

  async sync(): Promise<void> {}

  #writeRow(): void {
    this.#deps.meters.add("objectRowsWritten", 1);
    this.#wrote();
  }

  #wrote(): void {
    this.#durableAtMs = this.#deps.stage.time.now() + this.#deps.confirmMs;
  }
}

function cursorOf(rows: Record<string, SqlValue>[]) {
  return {
    toArray: () => rows,
    one: () => {
      const [row] = rows;
      if (row === undefined || rows.length > 1) throw new Error(`one row was expected, not ${rows.length}`);
      return row;
    },
    [Symbol.iterator]: () => rows[Symbol.iterator](),
  };
}
