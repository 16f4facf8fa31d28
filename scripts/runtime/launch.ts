import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import type { WorkerdStructuredLog } from "miniflare";
import { fireCrons } from "./crons.ts";
import { LogFile } from "./log-file.ts";
import { databasesOf, migrateLocally } from "./migrate.ts";
import type { LaunchOptions } from "./options.ts";
import { startRedis } from "./redis.ts";
import { prepareWorker, startPlatform, type RunningPlatform } from "./platform.ts";
import { localSecrets } from "./secrets.ts";
import { LaunchError } from "./launch-error.ts";
import { claimStateFolder, recordRuntime } from "./state-folder.ts";
import { welcomeText } from "./welcome.ts";
import type { WorkerConfig } from "./worker-configs.ts";

/** What a local start has instead of the production defaults. */
const LOCAL_VARS = { FLUSH_WINDOW_MS: "5000", FAULTS: "on" };
const READY_PATIENCE_MS = 30_000;
const READY_POLL_MS = 100;

/** A platform that is up and answering. */
export interface Launched {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

interface LaunchDeps {
  readonly configs: readonly WorkerConfig[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Tells the user something, a line or more. */
  readonly say: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Hears that a part has died, and which. */
  readonly onDeath: (part: string) => void;
}

/** Brings the whole platform up on a state folder: secrets, migrations, workers, crons. Throws {@link LaunchError} for what the user can mend. */
export async function launch(options: LaunchOptions, deps: LaunchDeps): Promise<Launched> {
  const stateDir = resolve(options.state);
  if (options.port !== 0) await refuseTakenPort(options.port);
  const giveBack = claimStateFolder(stateDir, options);
  const log = new LogFile(join(stateDir, "logs", "playhead.ndjson"));
  const undo: (() => void | Promise<void>)[] = [giveBack, () => log.close()];
  const stop = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
    undo.length = 0;
  };
  try {
    const secrets = explainFailure(`the secrets in ${stateDir}`, () => localSecrets(stateDir, deps.environment));
    if (options.redis) undo.push(await startRedis(stateDir, deps));
    deps.say("migrating databases …");
    await migrateLocally(databasesOf(deps.configs), stateDir);
    deps.say(`bundling ${deps.configs.length} workers …`);
    const vars = { ...LOCAL_VARS, BOOT_ID: randomUUID(), ...options.vars };
    const workers = await Promise.all(deps.configs.map((worker) => prepareWorker(worker, { vars, secrets })));
    deps.say("starting the runtime …");
    let stopping = false;
    undo.push(() => void (stopping = true));
    const platform = await startPlatform({
      workers,
      port: options.port,
      persistTo: join(stateDir, "v3"),
      onLog: (entry) => takeLog(log, entry, deps.complain),
      onRuntimeDeath: () => void (stopping || deps.onDeath("the runtime (workerd)")),
    });
    undo.splice(-1, 0, platform.stop);
    recordRuntime(stateDir);
    // One that runs while everything is stopped ends with it.
    undo.push(
      fireCrons(deps.configs, platform, (worker, error) => void (stopping || deps.complain(`cron of ${worker} failed: ${String(error)}`))),
    );
    deps.say(
      welcomeText({
        url: platform.url.replace("127.0.0.1", "localhost"),
        stateDir,
        logPath: log.path,
        configs: deps.configs,
        adminEmail: secrets.ADMIN_EMAIL,
        adminPassword: secrets.ADMIN_PASSWORD,
      }),
    );
    await untilReady(platform);
    return { url: platform.url.replace("127.0.0.1", "localhost"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Fails early and clearly where another program has the port: the runtime would only say so after all else is done. */
async function refuseTakenPort(port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((free, reject) => {
    probe.once("error", (cause) =>
      reject(new LaunchError(`port ${port} can't be used (${cause.message}); choose another with --port`, { cause })),
    );
    probe.listen(port, "127.0.0.1", () => probe.close(() => free()));
  });
}

function explainFailure<T>(what: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw new LaunchError(`${what} are ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** All lines go to the file, what needs eyes also to the terminal. */
function takeLog(log: LogFile, { level, message, timestamp }: WorkerdStructuredLog, complain: (text: string) => void): void {
  log.write(message.startsWith("{") ? message : JSON.stringify({ level, at: timestamp, message }));
  if (level === "error" || level === "warn") complain(message);
}

async function untilReady(platform: RunningPlatform): Promise<void> {
  const deadline = Date.now() + READY_PATIENCE_MS;
  let last = "no answer";
  while (Date.now() < deadline) {
    try {
      const response = await fetch(`${platform.url}/readyz`);
      last = await response.text();
      if (response.ok) return;
    } catch (error) {
      last = String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  throw new LaunchError(`not ready after ${READY_PATIENCE_MS / 1000} s: ${last}`);
}
