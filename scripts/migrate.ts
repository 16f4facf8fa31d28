import { parseArgs } from "node:util";
import { TaskGroup } from "../src/resilience/task-group.ts";
import { LaunchError } from "./runtime/launch-error.ts";
import { databasesOf, migrateLocally, migrateRemotely } from "./runtime/migrate.ts";
import { callerFolder, statePath } from "./runtime/options.ts";
import { claimStateFolder, recordRuntime } from "./runtime/state-folder.ts";
import { stopSignal } from "./runtime/stop-signal.ts";
import { readWorkerConfigs } from "./runtime/worker-configs.ts";

/*
 * npm run db:migrate -- [--state .wrangler/state] [--remote]: brings every database up to its
 * migrations, here or in the account that wrangler is signed in to. Starting and deploying do it by
 * themselves.
 */

process.env["WRANGLER_LOG"] = "error";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { state: { type: "string" }, remote: { type: "boolean", default: false } },
  });
  const signal = stopSignal();
  const databases = databasesOf(readWorkerConfigs());
  if (values.remote) {
    const group = new TaskGroup({ concurrencyMax: 1, signal });
    for (const database of databases) group.go((signal) => migrateRemotely(database, signal));
    await group.wait();
  } else {
    const stateDir = statePath(values.state, callerFolder());
    const giveBack = claimStateFolder(stateDir, { fresh: false });
    try {
      await migrateLocally(databases, stateDir, { signal, onStarted: () => recordRuntime(stateDir) });
    } finally {
      giveBack();
    }
  }
  process.stdout.write(`${databases.map(({ databaseName }) => databaseName).join(", ")}: up to date\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`db:migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof LaunchError ? error.exitCode : 1);
}
