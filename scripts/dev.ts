import { spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { LaunchError } from "./runtime/launch-error.ts";
import { databasesOf, migrateLocally, wranglerBin, wranglerEnvironment } from "./runtime/migrate.ts";
import { readOptions } from "./runtime/options.ts";
import { PROJECT_ROOT } from "./runtime/project-root.ts";
import { startRedis } from "./runtime/redis.ts";
import { localSecrets } from "./runtime/secrets.ts";
import { claimStateFolder } from "./runtime/state-folder.ts";
import { readWorkerConfigs } from "./runtime/worker-configs.ts";

/*
 * npm run dev: the same workers on the same state folder as npm start, under `wrangler dev`, which rebuilds and reloads on every save.
 * It carries a proxy and is about ten times slower; crons are fired by hand through wrangler's local explorer.
 */

process.env["WRANGLER_LOG"] = "error";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

/** Variables of a process are readable by its user only, and so is the file; arguments would be everybody's. */
function writeEnvFile(stateDir: string, secrets: Readonly<Record<string, string>>): string {
  const path = join(stateDir, "secrets.env");
  const lines = Object.entries(secrets).map(([name, value]) => `${name}='${value}'`);
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
  chmodSync(path, 0o600);
  return path;
}

async function main(): Promise<number> {
  const configs = readWorkerConfigs();
  const options = readOptions(process.argv.slice(2), new Set(configs.flatMap(({ config }) => Object.keys(config.vars ?? {}))));
  if (options.help) {
    process.stdout.write("npm run dev takes the options of npm start; see npm start -- --help\n");
    return 0;
  }
  const stateDir = resolve(options.state);
  const giveBack = claimStateFolder(stateDir, options);
  let stopRedis = async (): Promise<void> => undefined;
  try {
    const secrets = localSecrets(stateDir, process.env);
    const envFile = writeEnvFile(stateDir, secrets);
    await migrateLocally(databasesOf(configs), stateDir);
    if (options.redis) stopRedis = await startRedis(stateDir, { say, complain, onDeath: (part) => complain(`${part} died`) });
    process.stdout.write(`operator  ${secrets.ADMIN_EMAIL}  ${secrets.ADMIN_PASSWORD}\n`);
    const vars = Object.entries({ FLUSH_WINDOW_MS: "5000", ...options.vars }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    const where = ["--ip", "127.0.0.1", "--port", String(options.port), "--inspector-ip", "127.0.0.1", "--persist-to", stateDir];
    const args = ["dev", ...configs.flatMap(({ path }) => ["-c", path]), ...where, "--env-file", envFile, ...vars];
    return await untilEnded(args, { ...wranglerEnvironment(stateDir), WRANGLER_LOG: "log" });
  } finally {
    await stopRedis();
    giveBack();
  }
}

/** A signal reaches wrangler by the process group or from us, and ends it; that is no failure. */
async function untilEnded(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(wranglerBin(), args, { cwd: PROJECT_ROOT, env, stdio: "inherit" });
  let told = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      told = true;
      child.kill(signal);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  return told ? 0 : (code ?? 1);
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`playhead: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof LaunchError ? error.exitCode : 1);
}
