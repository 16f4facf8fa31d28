import { spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startKafka } from "./runtime/kafka.ts";
import { LaunchError } from "./runtime/launch-error.ts";
import { loopbackPort } from "./runtime/loopback-port.ts";
import { localVars } from "./runtime/local-vars.ts";
import { databasesOf, migrateLocally, wranglerBin, wranglerEnvironment } from "./runtime/migrate.ts";
import { callerFolder, readOptions } from "./runtime/options.ts";
import { PROJECT_ROOT } from "./runtime/project-root.ts";
import { refuseBadCells } from "./runtime/refuse-bad-cells.ts";
import { refuseBadVars } from "./runtime/refuse-bad-vars.ts";
import { redisBeside } from "./runtime/redis.ts";
import { givenSecrets, localSecrets } from "./runtime/secrets.ts";
import { claimStateFolder, recordRuntime } from "./runtime/state-folder.ts";
import { stopSignal } from "./runtime/stop-signal.ts";
import { readWorkerConfigs } from "./runtime/worker-configs.ts";

/*
 * npm run dev: the same workers on the same state folder as npm start, under `wrangler dev`, which
 * rebuilds and reloads on every save. It carries a proxy and is about ten times slower; crons are
 * fired by hand through wrangler's local explorer.
 */

process.env["WRANGLER_LOG"] = "error";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

/**
 * Variables of a process are readable by its user only, and so is the file; arguments would be
 * everybody's.
 */
function writeEnvFile(stateDir: string, secrets: Readonly<Record<string, string>>): string {
  const path = join(stateDir, "secrets.env");
  const unfit = Object.entries(secrets).find(([, value]) => /['\\$\n]/.test(value));
  if (unfit !== undefined)
    throw new LaunchError(`npm run dev can't hand on ${unfit[0]} with a quote, $ or \\ in it; npm start can`);
  const lines = Object.entries(secrets).map(([name, value]) => `${name}='${value}'`);
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
  chmodSync(path, 0o600);
  return path;
}

async function main(): Promise<number> {
  const configs = readWorkerConfigs();
  const knownVars = new Set(configs.flatMap(({ config }) => Object.keys(config.vars ?? {})));
  const options = readOptions(process.argv.slice(2), knownVars, callerFolder());
  if (options.help) {
    process.stdout.write("npm run dev takes the options of npm start; see npm start -- --help\n");
    return 0;
  }
  if (!options.tcp.isDefault)
    throw new LaunchError(
      "npm run dev listens for TCP where src/realtime/wrangler.toml says, not --tcp-port",
      {
        exitCode: 2,
      },
    );
  if (options.tcp.port !== null) await loopbackPort(options.tcp.port, "in src/realtime/wrangler.toml");
  const stateDir = options.state;
  const signal = stopSignal();
  const giveBack = claimStateFolder(stateDir, options);
  const stops: (() => Promise<void>)[] = [];
  try {
    const secrets = localSecrets(stateDir, process.env);
    const given = givenSecrets(process.env);
    const asked = { ...localVars(), ...options.vars };
    refuseBadVars(configs, asked, { ...secrets, ...given });
    refuseBadCells(configs, asked);
    await migrateLocally(databasesOf(configs), stateDir, {
      signal,
      onStarted: () => recordRuntime(stateDir),
    });
    const deps = { say, complain, onDeath: (part: string) => complain(`${part} died`), signal };
    const redis = await redisBeside(options, deps);
    if (redis !== null) stops.push(redis.stop);
    const kafka = options.kafka ? await startKafka(stateDir, knownVars, deps) : null;
    if (kafka !== null) stops.push(kafka.stop);
    const settings = { ...localVars(), ...redis?.vars, ...kafka?.vars, ...options.vars };
    const envFile = writeEnvFile(stateDir, {
      ...secrets,
      ...given,
      ...redis?.secrets,
      ...kafka?.secrets,
    });
    process.stdout.write(
      `operator  ${secrets.ADMIN_EMAIL}  ${secrets.ADMIN_PASSWORD}  (unless that account was there before as another)\n`,
    );
    const vars = Object.entries(settings).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    const where = [
      "--ip",
      "127.0.0.1",
      "--port",
      String(options.port),
      "--inspector-ip",
      "127.0.0.1",
      "--persist-to",
      stateDir,
    ];
    const args = [
      "dev",
      ...configs.flatMap(({ path }) => ["-c", path]),
      ...where,
      "--env-file",
      envFile,
      ...vars,
    ];
    return await untilEnded(args, { ...wranglerEnvironment(stateDir), WRANGLER_LOG: "log" }, signal);
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  } finally {
    for (const stop of stops.toReversed()) await stop();
    giveBack();
  }
}

/** A signal reaches wrangler by the process group or from us, and ends it; that is no failure. */
async function untilEnded(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(wranglerBin(), args, { cwd: PROJECT_ROOT, env, stdio: "inherit" });
  signal.addEventListener("abort", () => child.kill(), { once: true });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  return signal.aborted ? 0 : (code ?? 1);
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`playhead: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof LaunchError ? error.exitCode : 1);
}
