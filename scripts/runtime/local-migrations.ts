import type { D1Database } from "@cloudflare/workers-types";
import { readdirSync, readFileSync } from "node:fs";
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

/** Until a signal that the runtime has heard is heard here, in ms. */
const SIGNAL_HEARD_MS = 50;
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

export interface MigrateOptions {
  readonly signal?: AbortSignal;
  /** Hears that the runtime has started: who is killed from now on leaves it behind. */
  readonly onStarted?: () => void;
}

/**
 * Does what `wrangler d1 migrations apply --local` does, to all databases in one runtime: wrangler
 * takes a Node and a runtime for each of them, seconds every time. Each migration is applied whole
 * or not at all. Throws {@link LaunchError} with the name of the database that refuses one, or the
 * signal's reason.
 */
export async function applyLocally(
  databases: readonly LocalDatabase[],
  stateDir: string,
  { signal, onStarted }: MigrateOptions = {},
): Promise<void> {
  if (databases.length === 0) return;
  const d1Databases = Object.fromEntries(databases.map(({ localId }) => [localId, { id: localId }]));
  const starting = startPlatform({
    workers: [{ ...HOLDER, modules: [...HOLDER.modules], d1Databases }],
    entry: HOLDER.name,
    port: 0,
    persistTo: join(stateDir, "v3"),
  });
  const { miniflare, stop } = await starting.catch(async (error: unknown) => {
    await refuseIfStopped(signal);
    throw error;
  });
  try {
    onStarted?.();
    for (const { databaseName, localId, migrationsDir } of databases) {
      const work = async (): Promise<void> =>
        bringUp(await miniflare.getD1Database(localId), migrationsDir, signal);
      await work().catch(async (error: unknown) => {
        await refuseIfStopped(signal);
        const reason = error instanceof Error ? error.message : String(error);
        throw new LaunchError(`the migrations of ${databaseName} failed: ${reason}`);
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
  for (const name of migrationsIn(migrationsDir)) {
    signal?.throwIfAborted();
    if (applied.has(name)) continue;
    const text = readFileSync(join(migrationsDir, name), "utf8");
    // As wrangler puts them together: a last statement without its end is refused here as there.
    const noted = `${text}\nINSERT INTO d1_migrations (name) VALUES ('${name.replaceAll("'", "''")}');`;
    await database.batch(unstable_splitSqlQuery(noted).map((statement) => database.prepare(statement)));
  }
}

/** In wrangler's order: by the number that a name begins with, and what has none at the end. */
function migrationsIn(folder: string): readonly string[] {
  const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isFile() && /^[^.].*\.sql$/.test(entry.name) ? [entry.name] : [],
  );
  const numberOf = (name: string): number => {
    const number = Number.parseInt(name, 10);
    return Number.isNaN(number) ? Number.MAX_SAFE_INTEGER : number;
  };
  return names.sort().sort((a, b) => numberOf(a) - numberOf(b));
}

/**
 * A signal reaches the runtime as well, whose end may be seen before this process, held up by it,
 * has heard the signal.
 */
async function refuseIfStopped(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SIGNAL_HEARD_MS));
  signal?.throwIfAborted();
}
