import { TaskGroup } from "../src/resilience/task-group.ts";
import { launch } from "./runtime/launch.ts";
import { LaunchError } from "./runtime/launch-error.ts";
import { readOptions, USAGE } from "./runtime/options.ts";
import { readWorkerConfigs } from "./runtime/worker-configs.ts";

/*
 * npm start: the whole platform on this machine, at the runtime's full speed. One task group holds everything up: the platform, the
 * wait for a signal and the watch over the runtime. Whichever ends first ends all.
 */

process.env["WRANGLER_LOG"] = "error";

const STOP_PATIENCE_MS = 4_500;

/** Why the group ends though nothing is wrong. */
class ToldToStop extends Error {}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const configs = readWorkerConfigs();
  const options = readOptions(process.argv.slice(2), new Set(configs.flatMap(({ config }) => Object.keys(config.vars ?? {}))));
  if (options.help) {
    say(USAGE);
    return 0;
  }
  const group = new TaskGroup();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => group.cancel(new ToldToStop(signal)));
  group.go(async (signal) => {
    const onDeath = (part: string): void => group.cancel(new LaunchError(`${part} died; everything stops`));
    const platform = await launch(options, { configs, environment: process.env, say, complain, onDeath });
    try {
      if (!signal.aborted) {
        say(`ready ${platform.url}`);
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      }
    } finally {
      await platform.stop();
    }
  });
  group.signal.addEventListener("abort", () => {
    const code = group.signal.reason instanceof ToldToStop ? 0 : 1;
    setTimeout(() => process.exit(code), STOP_PATIENCE_MS).unref();
  });
  try {
    await group.wait();
    return 0;
  } catch (error) {
    if (error instanceof ToldToStop) return 0;
    throw error;
  }
}

try {
  process.exit(await main());
} catch (error) {
  const expected = error instanceof LaunchError;
  complain(`playhead: ${expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(expected ? error.exitCode : 1);
}
