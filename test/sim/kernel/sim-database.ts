import { sqliteD1, type SqliteD1 } from "../../support/databases/sqlite-d1.ts";
import type { Kernel } from "./kernel.ts";
import { remoteD1, type RemoteCall } from "./remote-d1.ts";

/**
 * How a database answers: at once; that it has too much to do; not in time, and then what it was
 * asked for may have happened or not; or that the statement that writes the history is wrong.
 */
export type DatabaseState = "well" | "away" | "hangs" | "refuses";

const HANG_MS_MAX = 60_000;

/** One D1 database, which may be away or hang for a while. */
export class SimDatabase {
  readonly #kernel: Kernel;
  readonly db: SqliteD1;
  state: DatabaseState = "well";

  constructor(kernel: Kernel, migrations: string) {
    this.#kernel = kernel;
    this.db = sqliteD1(migrations);
  }

  /** The database as whoever makes `call`s sees it. */
  reachedBy(call: RemoteCall, rewrite: (query: string) => string): D1Database {
    return remoteD1((what, effect) => call(what, () => this.#serve(what, effect)), this.db, rewrite);
  }

  async #serve<T>(what: string, effect: () => T | Promise<T>): Promise<T> {
    this.#kernel.cap.refuse("queries");
    if (this.state === "away")
      throw new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long.");
    if (this.state === "hangs") {
      await new Promise<void>((resolve) =>
        this.#kernel.after(Math.floor(this.#kernel.random() * HANG_MS_MAX), "", resolve),
      );
      if (this.#kernel.chance(0.5)) throw new Error("D1_ERROR: Network connection lost.");
    }
    if (this.state === "refuses" && what.startsWith("db INSERT INTO history ("))
      throw new Error("D1_ERROR: CHECK constraint failed: SQLITE_CONSTRAINT");
    // It may be away for what is set aside, too: nothing is safe before that is written.
    if (
      this.state === "refuses" &&
      what.startsWith("db INSERT INTO history_rejected") &&
      this.#kernel.chance(0.3)
    )
      throw new Error("D1_ERROR: Network connection lost.");
    return effect();
  }
}
