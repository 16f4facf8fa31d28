import { join } from "node:path";
import { fireCrons } from "./crons.ts";
import { startKafka } from "./kafka.ts";
import { LaunchError } from "./launch-error.ts";
import { localVars } from "./local-vars.ts";
import { LogFile } from "./log-file.ts";
import { logLines } from "./log-lines.ts";
import { loopbackPort } from "./loopback-port.ts";
import { databasesOf, migrateLocally } from "./migrate.ts";
import { operatorStanding, writeOperatorEnv } from "./operator.ts";
import type { LaunchOptions } from "./options.ts";
import { Refusals } from "./refusals.ts";
import { redisBeside } from "./redis.ts";
import { prepareWorker, startPlatform, type RunningPlatform } from "./platform.ts";
import { refuseBadCells } from "./refuse-bad-cells.ts";
import { refuseBadVars } from "./refuse-bad-vars.ts";
import { givenSecrets, localSecrets, type LocalSecrets } from "./secrets.ts";
import { claimStateFolder, recordRuntime } from "./state-folder.ts";
import { tcpPort } from "./tcp-port.ts";
import type { Terminal } from "./terminal.ts";
import { welcomeText } from "./welcome.ts";
import type { WorkerConfig } from "./worker-configs.ts";

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 100;

/** A platform that is up and answering. */
export interface Launched {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

interface LaunchDeps {
  readonly configs: readonly WorkerConfig[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  /** Hears that a part has died, and which. */
  readonly onDeath: (part: string) => void;
  /** Gives up between two steps, and within the one that is long. */
  readonly signal: AbortSignal;
}

type Undo = (() => void | Promise<void>)[];

/**
 * Brings the whole platform up on a state folder: secrets, migrations, workers, crons. Throws
 * {@link LaunchError} for what the user can mend, and the signal's reason when it fires.
 */
export async function launch(options: LaunchOptions, deps: LaunchDeps): Promise<Launched> {
  const undo: Undo = [];
  const stop = async (): Promise<void> => {
    // One step that fails keeps none of the others from being taken.
    for (const step of undo.splice(0).toReversed())
      await Promise.resolve(step()).catch((error: unknown) => deps.terminal.complain(String(error)));
  };
  try {
    undo.push(claimStateFolder(options.state, options));
    const { port, alsoOnIpv6 } = await loopbackPort(options.port, "with --port");
    const tcp = await tcpPort(options.tcp, deps.terminal.say);
    const secrets = explainFailure(`the secrets in ${options.state}`, () =>
      localSecrets(options.state, deps.environment),
    );
    const given = givenSecrets(deps.environment);
    const asked = { ...localVars(), ...options.vars };
    refuseBadVars(deps.configs, asked, { ...secrets, ...given });
    refuseBadCells(deps.configs, asked);
    const beside = await serversBeside(options, deps, undo);
    const vars = { ...localVars(), ...beside.vars, ...options.vars };
    const settings = { vars, secrets: { ...secrets, ...given, ...beside.secrets } };
    refuseBadVars(deps.configs, vars, settings.secrets);
    const workers = await prepare(options, deps, settings);
    const refusals = new Refusals();
    const platform = await run(options, deps, undo, { workers, port, alsoOnIpv6, tcpPort: tcp, refusals });
    await untilReady(platform, refusals, deps.signal);
    const url = platform.url.replace("127.0.0.1", "localhost");
    deps.terminal.say(await welcome(options, deps, { url, tcpPort: tcp, secrets }));
    deps.signal.throwIfAborted();
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Servers beside the platform, each with its front, and what workers are told of them. */
async function serversBeside(
  options: LaunchOptions,
  { configs, terminal, onDeath, signal }: LaunchDeps,
  undo: Undo,
): Promise<Settings> {
  const known = new Set(configs.flatMap(({ config }) => Object.keys(config.vars ?? {})));
  const started: (Settings & { readonly stop: () => Promise<void> })[] = [];
  const redis = await redisBeside(options, { ...terminal, onDeath });
  if (redis !== null) {
    undo.push(redis.stop);
    started.push(redis);
  }
  if (options.kafka) {
    const server = await startKafka(options.state, known, { ...terminal, onDeath, signal });
    undo.push(server.stop);
    started.push(server);
  }
  return {
    vars: Object.assign({}, ...started.map((server) => server.vars)),
    secrets: Object.assign({}, ...started.map((server) => server.secrets)),
  };
}

interface Settings {
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** The databases as the code expects them, and the code. */
async function prepare(
  { state }: LaunchOptions,
  { configs, terminal, signal }: LaunchDeps,
  settings: Settings,
) {
  terminal.say("migrating databases …");
  await migrateLocally(databasesOf(configs), state, { signal, onStarted: () => recordRuntime(state) });
  terminal.say(`bundling ${configs.length} workers …`);
  const workers = await Promise.all(configs.map((worker) => prepareWorker(worker, settings)));
  signal.throwIfAborted();
  return workers;
}

async function run(
  { state, cronSeconds }: LaunchOptions,
  { configs, terminal, onDeath }: LaunchDeps,
  undo: Undo,
  {
    refusals,
    ...where
  }: Pick<Parameters<typeof startPlatform>[0], "workers" | "port" | "alsoOnIpv6" | "tcpPort"> & {
    readonly refusals: Refusals;
  },
): Promise<RunningPlatform> {
  const log = new LogFile(logPathOf(state), (error) =>
    terminal.complain(`the log is not written any more: ${error.message}`),
  );
  const lines = logLines(log, terminal.complain);
  undo.push(() => log.close(), lines.stop);
  terminal.say("starting the runtime …");
  let stopping = false;
  const platform = await startPlatform({
    ...where,
    persistTo: join(state, "v3"),
    onLog: (entry) => {
      refusals.take(entry);
      lines.take(entry);
    },
    onRuntimeDeath: () => void (stopping || onDeath("the runtime (workerd)")),
  });
  undo.push(platform.stop, () => void (stopping = true));
  recordRuntime(state);
  undo.push(
    fireCrons(configs, platform, {
      everySeconds: cronSeconds,
      onFired: (worker, cron, tookMs) =>
        log.write(
          JSON.stringify({
            level: "info",
            event: "cron",
            at: Date.now(),
            worker,
            cron,
            tookMs: Math.round(tookMs),
          }),
        ),
      onFailure: (worker, error) => terminal.complain(`cron of ${worker} failed: ${String(error)}`),
    }),
  );
  return platform;
}

/** What a user reads before `ready`, with the operator's login where it is one. */
async function welcome(
  { state }: LaunchOptions,
  { configs }: LaunchDeps,
  {
    url,
    tcpPort: port,
    secrets,
  }: { readonly url: string; readonly tcpPort: number | null; readonly secrets: LocalSecrets },
): Promise<string> {
  const operator = { email: secrets.ADMIN_EMAIL, password: secrets.ADMIN_PASSWORD };
  const standing = await operatorStanding(url, operator);
  const envPath = writeOperatorEnv(state, operator, standing);
  return welcomeText({
    url,
    tcpPort: port,
    stateDir: state,
    logPath: logPathOf(state),
    configs,
    operator,
    standing,
    envPath,
  });
}

function logPathOf(state: string): string {
  return join(state, "logs", "playhead.ndjson");
}

function explainFailure<T>(what: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw new LaunchError(`${what} are ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function untilReady(platform: RunningPlatform, refusals: Refusals, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last = "no answer";
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    refusals.throwIfAny();
    try {
      const response = await fetch(`${platform.url}/readyz`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(READY_TIMEOUT_MS)]),
      });
      last = await response.text();
      if (response.ok) return;
    } catch (error) {
      last = String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  throw new LaunchError(`not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`);
}
