import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import * as z from "zod";
import { LaunchError } from "./launch-error.ts";
import { applyLocally, type LocalDatabase, type MigrateOptions } from "./local-migrations.ts";
import { PROJECT_ROOT } from "./project-root.ts";
import type { WorkerConfig } from "./worker-configs.ts";

/**
 * What `migrated.json` says: the migrations that each database has seen, and the files that they
 * were applied to.
 */
const markerSchema = z.object({
  fingerprints: z.record(z.string(), z.string()),
  files: z.array(z.string()).min(1),
});
const STDERR_MAX = 20_000;
const NOTHING_DONE: z.infer<typeof markerSchema> = { fingerprints: {}, files: [] };

/** One D1 database of a worker, with the folder of its migrations. */
export interface MigratedDatabase extends LocalDatabase {
  /** The worker's wrangler.toml, relative to the project. */
  readonly configPath: string;
}

/** Every database that some worker's config gives a migrations folder. */
export function databasesOf(configs: readonly WorkerConfig[]): readonly MigratedDatabase[] {
  return configs.flatMap(({ path, config }) =>
    config.d1_databases.flatMap(({ binding, database_name: databaseName, migrations_dir: dir, ...ids }) =>
      databaseName === undefined || dir === undefined
        ? []
        : [
            {
              databaseName,
              localId: ids.preview_database_id ?? ids.database_id ?? binding,
              configPath: path,
              migrationsDir: resolve(PROJECT_ROOT, dirname(path), dir),
            },
          ],
    ),
  );
}

/** Wrangler quiet, offline, and blind to other checkouts on the machine. */
export function wranglerEnvironment(stateDir: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_LOG: "warn",
    WRANGLER_REGISTRY_PATH: join(stateDir, "registry"),
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CI: "true",
  };
}

/**
 * Applies the migrations that the state folder's databases have not seen. A database whose
 * migrations have not changed costs nothing.
 */
export async function migrateLocally(
  databases: readonly MigratedDatabase[],
  stateDir: string,
  options: MigrateOptions = {},
): Promise<void> {
  await applyLocally(outstandingMigrations(databases, stateDir), stateDir, options);
  recordMigrations(databases, stateDir);
}

/**
 * The databases of a state folder whose migrations are not known to be applied. All of them where
 * the note about that is not what we write, or names a file that is not there any more: applying
 * what has been applied does nothing, while trusting a note too much gives a platform without
 * tables.
 */
export function outstandingMigrations(
  databases: readonly MigratedDatabase[],
  stateDir: string,
): readonly MigratedDatabase[] {
  const path = markerPathOf(stateDir);
  const { fingerprints, files } = existsSync(path) ? parseMarker(readFileSync(path, "utf8")) : NOTHING_DONE;
  if (!files.every((file) => existsSync(join(stateDir, file)))) return databases;
  return databases.filter(
    ({ databaseName, migrationsDir }) => fingerprints[databaseName] !== fingerprintOf(migrationsDir),
  );
}

/** Notes that all migrations are applied, and to which files. */
export function recordMigrations(databases: readonly MigratedDatabase[], stateDir: string): void {
  const fingerprints = Object.fromEntries(
    databases.map(({ databaseName, migrationsDir }) => [databaseName, fingerprintOf(migrationsDir)]),
  );
  const files = globSync("v3/d1/**/*.sqlite", { cwd: stateDir }).sort();
  writeFileSync(markerPathOf(stateDir), JSON.stringify({ fingerprints, files }));
}

function markerPathOf(stateDir: string): string {
  return join(stateDir, "migrated.json");
}

function parseMarker(text: string): z.infer<typeof markerSchema> {
  try {
    return markerSchema.parse(JSON.parse(text));
  } catch {
    return NOTHING_DONE;
  }
}

/**
 * Applies a database's migrations in the account that wrangler is signed in to. Throws
 * {@link LaunchError} with wrangler's last words, or the signal's reason.
 */
export async function migrateRemotely(
  { databaseName, configPath }: MigratedDatabase,
  signal: AbortSignal,
): Promise<void> {
  const args = ["d1", "migrations", "apply", databaseName, "--remote", "-c", configPath];
  const { code, stderr } = await runAsGroup(wranglerBin(), args, { ...process.env, CI: "true" }, signal);
  signal.throwIfAborted();
  if (code !== 0)
    throw new LaunchError(
      `the migrations of ${databaseName} failed: ${reasonIn(stderr) ?? `exit code ${code}`}`,
    );
}

/**
 * Runs a program as the head of a process group of its own. When the signal fires, the whole group
 * ends at once: wrangler has a Node below it, which a signal to wrangler alone leaves behind. What
 * it was writing is a transaction.
 */
async function runAsGroup(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(program, args, {
    cwd: PROJECT_ROOT,
    env,
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const endGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  if (signal.aborted) endGroup();
  signal.addEventListener("abort", endGroup, { once: true });
  try {
    let stderr = "";
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (stderr = (stderr + text).slice(-STDERR_MAX)));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { code, stderr };
  } finally {
    signal.removeEventListener("abort", endGroup);
  }
}

/** Path of wrangler's command. */
export function wranglerBin(): string {
  return join(PROJECT_ROOT, "node_modules/.bin/wrangler");
}

function fingerprintOf(folder: string): string {
  const hash = createHash("sha256");
  for (const name of globSync("*.sql", { cwd: folder }).sort())
    hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

/** The line of wrangler's output that says what went wrong, without its colours. */
function reasonIn(text: string): string | undefined {
  const lines = stripVTControlCharacters(text).split("\n");
  return lines.find((line) => /error|failed/i.test(line))?.trim();
}
