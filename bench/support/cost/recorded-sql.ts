import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";

export type SqlValue = string | number | null | ArrayBuffer;
type RecordedValue = string | number | null | { readonly blobBytes: number };

/** Whether what is done now is billed to what is being metered. */
export type CountsStatement = (query: string) => boolean;

/** What was done as one: a statement, a transaction or a script. */
export interface RecordedUnit {
  readonly isCounted: boolean;
  readonly statements: readonly (readonly [query: string, values: readonly RecordedValue[]])[];
}

const STATEMENTS_MAX = 300;
const CHANGES = /^\s*(?:insert|update|delete|replace|with)\b/i;

/**
 * A database in this process, where time can be turned. It takes note of all it is asked for: the
 * runtime, whose meters are what production bills by, runs that again afterwards.
 */
export class RecordedSql {
  readonly #db = new DatabaseSync(":memory:");
  readonly #isCounted: CountsStatement;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #units: RecordedUnit[];
  #open: (readonly [string, readonly RecordedValue[]])[] | null = null;

  constructor(isCounted: CountsStatement, units: readonly RecordedUnit[] = []) {
    this.#isCounted = isCounted;
    this.#units = [...units];
  }

  get units(): readonly RecordedUnit[] {
    return this.#units;
  }

  /** Runs a script of many statements, which nobody is billed for. */
  script(text: string): void {
    this.#db.exec(text);
    this.#units.push({ isCounted: false, statements: [[text, []]] });
  }

  exec(query: string, values: readonly SqlValue[]): Record<string, SqlValue>[] {
    const statement = [query, values.map(recorded)] as const;
    if (this.#open === null) this.#units.push({ isCounted: this.#isCounted(query), statements: [statement] });
    else this.#open.push(statement);
    return this.#statement(query)
      .all(...values.map(bindable))
      .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, given(value)])));
  }

  /** Rows that the last statement has changed, 0 after one that changes nothing. */
  changesOf(query: string): number {
    if (!CHANGES.test(query)) return 0;
    return Number(this.#statement("SELECT changes() AS n").all()[0]?.["n"] ?? 0);
  }

  transaction<T>(work: () => T): T {
    if (this.#open !== null) return work();
    const open: (readonly [string, readonly RecordedValue[]])[] = [];
    this.#open = open;
    this.#db.exec("BEGIN");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    } finally {
      this.#open = null;
      this.#units.push({ isCounted: open.some(([query]) => this.#isCounted(query)), statements: open });
    }
  }

  /** One with the content that `units` have made, a past that nobody is billed for. */
  static after(units: readonly RecordedUnit[], isCounted: CountsStatement): RecordedSql {
    const database = new RecordedSql(
      isCounted,
      units.map((unit) => ({ ...unit, isCounted: false })),
    );
    for (const { statements } of units) database.#again(statements);
    return database;
  }

  #again(statements: RecordedUnit["statements"]): void {
    this.#db.exec("BEGIN");
    try {
      for (const [query, values] of statements) {
        if (values.length === 0) this.#db.exec(query);
        else this.#statement(query).all(...values.map(bindableAgain));
      }
      this.#db.exec("COMMIT");
    } catch {
      // As it was the first time.
      this.#db.exec("ROLLBACK");
    }
  }

  #statement(query: string): StatementSync {
    let statement = this.#prepared.get(query);
    if (statement === undefined) {
      if (this.#prepared.size >= STATEMENTS_MAX) this.#prepared.clear();
      statement = this.#db.prepare(query);
      this.#prepared.set(query, statement);
    }
    return statement;
  }
}

function recorded(value: SqlValue): RecordedValue {
  return value instanceof ArrayBuffer ? { blobBytes: value.byteLength } : value;
}

function bindable(value: SqlValue): SQLInputValue {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}

/** Of a blob only the size is kept: nothing here is found by the bytes of one. */
function bindableAgain(value: RecordedValue): SQLInputValue {
  return typeof value === "object" && value !== null ? new Uint8Array(value.blobBytes) : value;
}

/** Node gives blobs as byte arrays, the platform as buffers. */
function given(value: SQLOutputValue): SqlValue {
  if (value instanceof Uint8Array) return value.slice().buffer;
  return typeof value === "bigint" ? Number(value) : value;
}
