import type { D1Database } from "@cloudflare/workers-types";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unstable_splitSqlQuery } from "wrangler";
import { LaunchError } from "./launch-error.ts";
import { startPlatform } from "./platform.ts";

/** A database of a state folder, and what it is to be brought up to. */
export interface LocalDatabase {
  readonly databaseName: string;
  /** Under which the local runtime keeps it. */
  readonly localId: string;
  /** Absolute. */
  readonly migrationsDir: string;
}

/** A worker that does nothing: the databases that are bound to it are all that is wanted. */
const HOLDER = {
  name: "migrations",
  compatibilityDate: "2026-10-23",
  modules: [{ type: "ESModule", path: "index.js", contents: "export default {};" }],
} as const;
/** Wrangler's own table, so that whichever of the two comes next knows what is applied. */
const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/**
 * Does what `wrangler d1 migrations apply --local` does, to all databases in one runtime: wrangler
 * takes a Node and a runtime for each of them, seconds every time. Each migration is applied whole
 * or not at all. Throws {@link LaunchError} with the name of the database that refuses one, or the
 * signal's reason.
 */
export async function applyLocally(
  databases: readonly LocalDatabase[],
  stateDir: string,
  signal?: AbortSignal,
): Promise<void> {
  if (databases.length === 0) return;
  const d1Databases = Object.fromEntries(databases.map(({ localId }) => [localId, { id: localId }]));
  const { miniflare, stop } = await startPlatform({
    workers: [{ ...HOLDER, modules: [...HOLDER.modules], d1Databases }],
    entry: HOLDER.name,
    port: 0,
    persistTo: join(stateDir, "v3"),
  });
  try {
    for (const { databaseName, localId, migrationsDir } of databases) {
      const database = await miniflare.getD1Database(localId);
      await bringUp(database, migrationsDir, signal).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw new LaunchError(`the migrations of ${databaseName} failed: ${String(error)}`);
      });
    }
  } finally {
    await stop();
  }
}

async function bringUp(database: D1Database, migrationsDir: string, signal?: AbortSignal): Promise<void> {
  await database.prepare(TABLE).run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  for (const name of globSync("*.sql", { cwd: migrationsDir }).sort()) {
    signal?.throwIfAborted();
    if (applied.has(name)) continue;
    const statements = unstable_splitSqlQuery(readFileSync(join(migrationsDir, name), "utf8"));
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
  }
}
