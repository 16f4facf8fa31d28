import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { TaskGroup } from "../src/resilience/task-group.ts";
import { LaunchError } from "./runtime/launch-error.ts";
import { databasesOf, migrateRemotely } from "./runtime/migrate.ts";
import { PROJECT_ROOT } from "./runtime/project-root.ts";
import { refuseBadCells } from "./runtime/refuse-bad-cells.ts";
import { stopSignal } from "./runtime/stop-signal.ts";
import { readWorkerConfigs, type WorkerConfig } from "./runtime/worker-configs.ts";
import { deployOrder, type DeployStep } from "./tooling/deploy-order.ts";
import { deployablesOf } from "./tooling/deployables.ts";
import { dryRun } from "./tooling/dry-run.ts";
import { refuseLocalVars } from "./tooling/refuse-local-vars.ts";
import { refuseLostCells } from "./tooling/refuse-lost-cells.ts";
import { runCommand } from "./tooling/run-command.ts";
import { readSecretsFile, secretsFor, withSecretsFile } from "./tooling/secrets-for.ts";
import { withoutBindings } from "./tooling/without-bindings.ts";

/*
 * npm run deploy: migrations first, then every worker after those it calls. See docs/deploy.md for
 * what must exist before.
 */

const USAGE = `npm run deploy -- [--dry-run] [--secrets FILE.json]

  --dry-run        build every worker offline, weigh the bundles against their budgets, and deploy nothing
  --secrets FILE   a JSON object of secrets by name; each worker is given those it requires (needed the first time)
  --help           this text
`;

/**
 * Where the first pass of a worker inside a cycle is described: beside its config, since paths in
 * it are relative.
 */
const FIRST_PASS = "wrangler.first-pass.toml";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function deployAll(
  configs: readonly WorkerConfig[],
  secrets: Readonly<Record<string, string>> | null,
): Promise<void> {
  const byName = new Map(configs.map((config) => [config.name, config]));
  const steps = deployOrder(deployablesOf(configs));
  const given = new Map(
    configs.map((config) => [config.name, secrets === null ? {} : secretsFor(config, secrets)]),
  );
  const signal = stopSignal();
  for (const database of databasesOf(configs)) {
    say(`migrating ${database.databaseName}`);
    await migrateRemotely(database, signal);
  }
  await refuseLostCells(configs, ["--remote"], (args) =>
    runCommand("wrangler", args, { env: { ...process.env, CI: "true" }, signal }),
  );
  const group = new TaskGroup({ concurrencyMax: 1, signal });
  for (const step of steps) {
    const config = byName.get(step.name);
    if (config !== undefined) group.go(() => deployStep(step, config, given.get(step.name) ?? {}));
  }
  await group.wait();
}

async function deployStep(
  { name, without }: DeployStep,
  config: WorkerConfig,
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  say(
    without.length === 0
      ? `deploying ${name}`
      : `deploying ${name}, for now without its bindings to ${without.join(", ")}`,
  );
  const firstPass = join(dirname(config.path), FIRST_PASS);
  try {
    if (without.length > 0) {
      writeFileSync(
        PROJECT_ROOT + firstPass,
        withoutBindings(readFileSync(PROJECT_ROOT + config.path, "utf8"), without),
      );
    }
    const args = ["deploy", "--minify", "-c", without.length > 0 ? firstPass : config.path];
    const deploy = async (more: readonly string[]): Promise<void> => {
      const result = await runCommand("wrangler", [...args, ...more], { passThrough: true });
      if (!result.ok)
        throw new LaunchError(`${name} was not deployed; those before it were. Mend it and deploy again.`);
    };
    await (Object.keys(secrets).length === 0
      ? deploy([])
      : withSecretsFile(secrets, (path) => deploy(["--secrets-file", path])));
  } finally {
    rmSync(PROJECT_ROOT + firstPass, { force: true });
  }
}

function readArgs() {
  try {
    const options = {
      "dry-run": { type: "boolean", default: false },
      secrets: { type: "string" },
      help: { type: "boolean", default: false },
    } as const;
    return parseArgs({ options }).values;
  } catch (cause) {
    throw new LaunchError(
      `${cause instanceof Error ? cause.message.split(". ")[0] : String(cause)}; see npm run deploy -- --help`,
      {
        cause,
        exitCode: 2,
      },
    );
  }
}

async function main(): Promise<void> {
  const values = readArgs();
  if (values.help) return void process.stdout.write(USAGE);
  const configs = readWorkerConfigs();
  refuseBadCells(configs, {});
  refuseLocalVars(configs);
  if (values["dry-run"]) return dryRun(configs, say);
  await deployAll(configs, values.secrets === undefined ? null : readSecretsFile(values.secrets));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`deploy: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof LaunchError ? error.exitCode : 1);
}
