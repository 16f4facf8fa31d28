import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import type { KvPort } from "../../../src/history/data/shard-facts.ts";
import type { SqlPort } from "../../../src/history/data/shard-sql.ts";
import { InjectedError, type Kernel } from "./kernel.ts";

interface Turn {
  readonly savepoint: string;
  readonly whenDurable: (() => void)[];
  /** Where the alarm stands after this turn; undefined where it was not touched. */
  alarmAtMs: number | null | undefined;
}

interface SimStorageOptions {
  readonly kernel: Kernel;
  /** A turn that wrote something has ended; it is not durable yet. */
  readonly onStaged: () => void;
  /** The alarm stands durably at a new time, or nowhere. */
  readonly onAlarm: (atMs: number | null) => void;
  /** A call of the storage threw, on purpose. */
  readonly onThrow: () => void;
}

/**
 * The storage of one object, on Node's SQLite. What one turn writes is a savepoint: a crash takes
 * back every turn that was not durable, whole, and nothing else does. So an exception that somebody
 * catches leaves what the turn had written before it, unless that was inside `transactionSync`.
 */
export class SimStorage {
  readonly #options: SimStorageOptions;
  readonly #db = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();
  /** Turns that a crash would take back, oldest first. */
  #volatile: Turn[] = [];
  #open: Turn | null = null;
  /** The savepoint that is SQLite's transaction; released when nothing is volatile. */
  #outermost: string | null = null;
  #names = 0;
  #durableAlarmAtMs: number | null = null;
  /** How often something was written or taken back: as long as it stays, so does what is stored. */
  writes = 0;
  rewrite: (query: string) => string = (query) => query;

  constructor(options: SimStorageOptions) {
    this.#options = options;
    this.#db.exec("CREATE TABLE _kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
  }

  /** The object's synchronous key-value storage. */
  readonly kv: KvPort = {
    get: (key) => {
      this.#mayThrow("kv.get");
      const row = this.#prepared("SELECT value FROM _kv WHERE key = ?").get(key);
      return row === undefined ? undefined : JSON.parse(String(row["value"]));
    },
    put: (key, value) => {
      this.#mayThrow("kv.put");
      this.#write();
      this.plant(key, value);
    },
  };

  /**
   * Takes a piece off the end of every payload that has it: the work of another release, before
   * this life begins.
   */
  strip(table: string, hex: string): void {
    const length = hex.length / 2;
    const has = this.#db.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(table) !== undefined;
    if (!has) return;
    this.#db.exec(`UPDATE ${table} SET payload = substr(payload, 1, length(payload) - ${length})
      WHERE hex(substr(payload, -${length})) = '${hex}'`);
  }

  /** Puts a value there as if it had always been. */
  plant(key: string, value: unknown): void {
    this.#prepared("INSERT OR REPLACE INTO _kv (key, value) VALUES (?, ?)").run(key, JSON.stringify(value));
  }

  readonly sql: SqlPort = {
    exec: (query, ...bindings) => {
      this.#mayThrow("sql.exec");
      const isRead = /^\s*SELECT/i.test(query);
      if (!isRead) this.#write();
      const rows = this.#exec(this.rewrite(query), bindings, isRead);
      return { toArray: () => rows };
    },
  };

  /** Takes back what `run` has written if it throws. */
  readonly transactionSync = <T>(run: () => T): T => {
    this.#mayThrow("transactionSync");
    this.#write();
    const savepoint = this.#savepoint();
    try {
      const result = run();
      this.#run(`RELEASE ${savepoint}`);
      return result;
    } catch (error) {
      this.#takeBack(savepoint, savepoint);
      throw error;
    }
  };

  /** Sets the one alarm, by the object's own clock. */
  async setAlarm(atMs: number | null): Promise<void> {
    this.#mayThrow("setAlarm");
    this.#write().alarmAtMs = atMs;
  }

  /** Where the alarm stands for whoever is inside: durable or not. */
  get alarmAtMs(): number | null {
    const touched = this.#volatile.findLast(({ alarmAtMs }) => alarmAtMs !== undefined);
    return touched?.alarmAtMs ?? (touched === undefined ? this.#durableAlarmAtMs : null);
  }

  /** The alarm has gone off: it stands nowhere until it is set again. */
  alarmWentOff(): void {
    this.#durableAlarmAtMs = null;
  }

  get isVolatile(): boolean {
    return this.#volatile.length > 0;
  }

  /**
   * Runs `then` when all that has been written so far is durable: at once if it is. It is never run
   * if a crash comes first.
   */
  whenDurable(then: () => void): void {
    const last = this.#volatile.at(-1);
    if (last === undefined) then();
    else last.whenDurable.push(then);
  }

  /** Begins to make durable what is staged now; the answer does it. */
  beginFlush(): () => void {
    const upTo = this.#volatile.length;
    return () => {
      const turns = this.#volatile.splice(0, upTo);
      if (this.#volatile.length === 0 && this.#outermost !== null) {
        this.#run(`RELEASE ${this.#outermost}`);
        this.#outermost = null;
        this.#names = 0;
      }
      for (const { alarmAtMs, whenDurable } of turns) {
        if (alarmAtMs !== undefined) this.#alarmIsDurable(alarmAtMs);
        for (const then of whenDurable) then();
      }
    };
  }

  crash(): void {
    this.writes += 1;
    const first = this.#volatile[0];
    if (first !== undefined) this.#takeBack(first.savepoint, this.#outermost ?? first.savepoint);
    this.#names = 0;
    this.#volatile = [];
    this.#open = null;
    this.#outermost = null;
  }

  /** What is stored, seen from outside of the simulation. */
  inspect(query: string): Record<string, SQLOutputValue>[] {
    return this.#prepared(query).all();
  }

  #alarmIsDurable(atMs: number | null): void {
    this.#durableAlarmAtMs = atMs;
    this.#options.onAlarm(atMs);
  }

  #write(): Turn {
    this.writes += 1;
    if (this.#open !== null) return this.#open;
    const turn: Turn = { savepoint: this.#savepoint(), whenDurable: [], alarmAtMs: undefined };
    this.#outermost ??= turn.savepoint;
    this.#open = turn;
    this.#volatile.push(turn);
    this.#options.kernel.atTurnEnd(() => {
      if (this.#open !== turn) return;
      this.#open = null;
      this.#options.onStaged();
    });
    return turn;
  }

  /** Names are used again when there is none any more: each is a statement to be prepared once. */
  #savepoint(): string {
    const name = `s${(this.#names += 1)}`;
    this.#run(`SAVEPOINT ${name}`);
    return name;
  }

  #takeBack(to: string, release: string): void {
    this.#run(`ROLLBACK TO ${to}`);
    this.#run(`RELEASE ${release}`);
  }

  #run(query: string): void {
    this.#prepared(query).run();
  }

  #mayThrow(what: string): void {
    const { kernel, onThrow } = this.#options;
    kernel.cap.refuse("storage");
    if (!kernel.chance(kernel.trouble.storageThrows)) return;
    onThrow();
    throw new InjectedError(`${what} failed`);
  }

  #prepared(query: string): StatementSync {
    let statement = this.#statements.get(query);
    if (statement === undefined) this.#statements.set(query, (statement = this.#db.prepare(query)));
    return statement;
  }

  #exec(
    query: string,
    bindings: readonly (string | number | ArrayBuffer | null)[],
    isRead: boolean,
  ): ReturnType<typeof asRow>[] {
    if (bindings.length === 0 && query.includes(";")) {
      this.#db.exec(query);
      return [];
    }
    const statement = this.#prepared(query);
    const values = bindings.map((value): SQLInputValue =>
      value instanceof ArrayBuffer ? new Uint8Array(value) : value,
    );
    if (isRead) return statement.all(...values).map(asRow);
    statement.run(...values);
    return [];
  }
}

/** Node gives blobs as byte arrays, the platform as buffers. */
function asRow(row: Record<string, SQLOutputValue>): Record<string, string | number | ArrayBuffer | null> {
  const made: Record<string, string | number | ArrayBuffer | null> = {};
  for (const [name, value] of Object.entries(row)) {
    made[name] =
      value instanceof Uint8Array ? value.slice().buffer : typeof value === "bigint" ? Number(value) : value;
  }
  return made;
}
