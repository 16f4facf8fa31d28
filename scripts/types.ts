import { TaskGroup } from "../src/resilience/task-group.ts";
import { wranglerEnvironment } from "./runtime/migrate.ts";
import { PROJECT_ROOT } from "./runtime/project-root.ts";
import { readWorkerConfigs } from "./runtime/worker-configs.ts";
import { envTypesOf } from "./tooling/env-types.ts";
import { runCommand } from "./tooling/run-command.ts";

/*
 * npm run types: writes each worker's env.d.ts from its wrangler.toml. With --check it only says
 * which of them are out of date.
 */

const CONCURRENCY_MAX = 2;
const check = process.argv.includes("--check");
const env = wranglerEnvironment(`${PROJECT_ROOT}.wrangler/state`);
const failures: string[] = [];

const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
/**
 * Configs of one code base have the same bindings, which a test sees to: the first of them speaks
 * for all.
 */
const byPath = new Map(
  readWorkerConfigs()
    .map(envTypesOf)
    .toReversed()
    .map((types) => [types.path, types]),
);
for (const types of byPath.values()) {
  group.go(async (signal) => {
    const result = await runCommand("wrangler", check ? [...types.args, "--check"] : types.args, {
      env,
      signal,
    });
    if (!result.ok)
      failures.push(
        `${types.path}: ${check ? "out of date, run npm run types" : "not written"}\n${result.output.trim()}`,
      );
    else if (!check) process.stdout.write(`${types.path}  ${types.interfaceName}\n`);
  });
}
await group.wait();
if (failures.length > 0) {
  process.stderr.write(`${failures.join("\n")}\n`);
  process.exit(1);
}
