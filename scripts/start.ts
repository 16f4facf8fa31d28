import { TaskGroup } from "../src/resilience/task-group.ts";
import { endDescendants } from "./runtime/end-descendants.ts";
import { launch } from "./runtime/launch.ts";
import { LaunchError } from "./runtime/launch-error.ts";
import { callerFolder, readOptions, USAGE } from "./runtime/options.ts";
import { openTerminal } from "./runtime/terminal.ts";
import { healthOf, watchHealth } from "./runtime/watch-health.ts";
import { readWorkerConfigs } from "./runtime/worker-configs.ts";

/*
 * npm start: the whole platform on this machine, at the runtime's full speed. One task group holds
 * everything up: the platform, the wait for a signal and the watch over the runtime. Whichever ends
 * first ends all.
 */

process.env["WRANGLER_LOG"] = "error";

const STOP_TIMEOUT_MS = 4_000;

/** Why the group ends though nothing is wrong. */
class ToldToStop extends Error {}

const terminal = openTerminal();

async function main(): Promise<number> {
  const configs = readWorkerConfigs();
  const knownVars = new Set(configs.flatMap(({ config }) => Object.keys(config.vars ?? {})));
  const options = readOptions(process.argv.slice(2), knownVars, callerFolder());
  if (options.help) {
    terminal.say(USAGE);
    return 0;
  }
  const group = new TaskGroup();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => group.cancel(new ToldToStop(signal)));
  group.signal.addEventListener("abort", () => {
    if (group.signal.reason instanceof ToldToStop) terminal.say("stopping …");
    setTimeout(() => {
      // A stop that hangs holds nobody up: whatever is left of what was started ends now.
      endDescendants();
      process.exit(exitCodeOf(group.signal.reason));
    }, STOP_TIMEOUT_MS);
  });
  group.go(async (signal) => {
    const onDeath = (part: string): void => group.cancel(new LaunchError(`${part} died; everything stops`));
    const platform = await launch(options, { configs, environment: process.env, terminal, onDeath, signal });
    try {
      terminal.say(`ready ${platform.url}`);
      await watchHealth(healthOf(platform.url), signal);
    } finally {
      await platform.stop();
    }
  });
  await group.wait();
  return 0;
}

/** Says why everything ends, unless the user told it to. */
function exitCodeOf(reason: unknown): number {
  if (reason instanceof ToldToStop) return 0;
  const expected = reason instanceof LaunchError;
  terminal.complain(
    `playhead: ${expected ? reason.message : reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`,
  );
  return expected ? reason.exitCode : 1;
}

try {
  process.exit(await main());
} catch (error) {
  process.exit(exitCodeOf(error));
}
