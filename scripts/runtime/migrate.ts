import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { TaskGroup } from "../../src/resilience/task-group.ts";
import { PROJECT_ROOT } from "./project-root.ts";
import type { WorkerConfig } from "./worker-configs.ts";

const run = promisify(execFile);

/** One D1 database of a worker, with the folder of its migrations. */
export interface MigratedDatabase {
  readonly databaseName: string;
  /** The worker's wrangler.toml, relative to the project. */
  readonly configPath: string;
  /** Absolute. */
  readonly migrationsDir: string;
}

/** Every database that some worker's config gives a migrations folder. */
export function databasesOf(configs: readonly WorkerConfig[]): readonly MigratedDatabase[] {
  return configs.flatMap(({ path, config }) =>
    config.d1_databases.flatMap(({ database_name: databaseName, migrations_dir: dir }) =>
      databaseName === undefined || dir === undefined
        ? []
        : [{ databaseName, configPath: path, migrationsDir: resolve(PROJECT_ROOT, dirname(path), dir) }],
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
 * Applies the migrations that the state folder's databases have not seen. A database whose migrations have not changed costs nothing. One
 * after the other: each run opens the whole folder, and two at once lock each other out.
 */
export async function migrateLocally(databases: readonly MigratedDatabase[], stateDir: string): Promise<void> {
  const markerPath = join(stateDir, "migrated.json");
  const done: Record<string, string> = existsSync(markerPath) ? JSON.parse(readFileSync(markerPath, "utf8")) : {};
  const group = new TaskGroup({ concurrencyMax: 1 });
  for (const database of databases) {
    const fingerprint = fingerprintOf(database.migrationsDir);
    if (done[database.databaseName] === fingerprint) continue;
    group.go(async (signal) => {
      await applyMigrations(database, ["--local", "--persist-to", stateDir], wranglerEnvironment(stateDir), signal);
      done[database.databaseName] = fingerprint;
    });
  }
  await group.wait();
  writeFileSync(markerPath, JSON.stringify(done));
}

/** Runs `wrangler d1 migrations apply`. Throws with wrangler's last words. */
export async function applyMigrations(
  { databaseName, configPath }: MigratedDatabase,
  where: readonly string[],
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  try {
    const args = ["d1", "migrations", "apply", databaseName, ...where, "-c", configPath];
    await run(wranglerBin(), args, { cwd: PROJECT_ROOT, env, ...(signal === undefined ? {} : { signal }) });
  } catch (cause) {
    const { stderr } = cause as { stderr?: string };
    throw new Error(`the migrations of ${databaseName} failed: ${reasonIn(stderr ?? "") ?? String(cause)}`, { cause });
  }
}

/** Path of wrangler's command. */
export function wranglerBin(): string {
  return join(PROJECT_ROOT, "node_modules/.bin/wrangler");
}

function fingerprintOf(folder: string): string {
  const hash = createHash("sha256");
  for (const name of globSync("*.sql", { cwd: folder }).sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

/** The line of wrangler's output that says what went wrong, without its colours. */
function reasonIn(text: string): string | undefined {
  const lines = stripVTControlCharacters(text).split("\n");
  return lines.find((line) => /error|failed/i.test(line))?.trim();
}
