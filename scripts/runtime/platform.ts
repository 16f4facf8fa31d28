import type { Plugin } from "esbuild";
import {
  convertV4MiniflareOptions,
  Miniflare,
  type V4WorkerOptions,
  type WorkerdStructuredLog,
} from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { bundleWorker } from "./bundle.ts";
import { optionalSecretsOf } from "./optional-secrets.ts";
import { GATEWAY, type WorkerConfig } from "./worker-configs.ts";

/** A worker ready to run: its options for the runtime and its bundled code. */
export type RunnableWorker = V4WorkerOptions;

interface PrepareOptions {
  /** Vars by name; each reaches every worker whose config knows it. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Secrets by name; each reaches only the workers that require it, or can use it. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** For benchmarks: what to bundle otherwise. */
  readonly plugins?: readonly Plugin[];
}

/**
 * Bundles a worker and reads its options from its wrangler.toml, so that what runs locally is what
 * would be deployed.
 */
export async function prepareWorker(
  worker: WorkerConfig,
  { vars = {}, secrets = {}, plugins = [] }: PrepareOptions,
): Promise<RunnableWorker> {
  const { config, name } = worker;
  if (config.main === undefined) throw new Error(`${worker.path} names no main file`);
  const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
  const known = Object.keys(config.vars ?? {});
  const required = config.secrets?.required ?? [];
  const pick = (names: readonly string[], from: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(names.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])));
  return {
    ...workerOptions,
    name,
    modules: [{ type: "ESModule", path: "index.js", contents: await bundleWorker(config.main, plugins) }],
    bindings: {
      ...(workerOptions.bindings as Record<string, string>),
      ...pick(known, vars),
      ...pick(required, secrets),
      ...optionalSecretsOf(name, secrets),
    },
  };
}

export interface StartOptions {
  readonly workers: readonly RunnableWorker[];
  /** The worker that owns the port; the gateway if absent. */
  readonly entry?: string;
  /** Its port on 127.0.0.1; 0 picks a free one. */
  readonly port: number;
  /** Whether it listens on the same port of ::1, too; `port` must then be one that is free. */
  readonly alsoOnIpv6?: boolean;
  /** Where a worker with a `connect` handler listens on 127.0.0.1; nowhere if absent or null. */
  readonly tcpPort?: number | null;
  /** Folder for databases, objects and queues; nothing is kept if absent. */
  readonly persistTo?: string;
  readonly onLog?: (log: WorkerdStructuredLog) => void;
  /**
   * Hears that the runtime process has died. Miniflare would start another one, with the queue's
   * messages lost.
   */
  readonly onRuntimeDeath?: () => void;
}

/** Characters of what a cron says when it fails. */
const OUTCOME_MAX = 300;

/** All workers in one runtime process. */
export interface RunningPlatform {
  /** Where the entry worker answers, without a slash at the end. */
  readonly url: string;
  /** Fires a worker's cron. */
  readonly fireCron: (worker: string, cron: string) => Promise<void>;
  readonly miniflare: Miniflare;
  readonly stop: () => Promise<void>;
}

/**
 * Starts the workers at the runtime's full speed: no development proxy, the gateway's socket is
 * workerd's own.
 */
export async function startPlatform(options: StartOptions): Promise<RunningPlatform> {
  const { entry = GATEWAY, port, alsoOnIpv6 = false, tcpPort = null, persistTo } = options;
  const { onLog, onRuntimeDeath } = options;
  const workers = options.workers.map((worker) =>
    connectable(worker.name === entry ? listening(worker, port, alsoOnIpv6) : worker, tcpPort),
  );
  const before = { SIGINT: process.listeners("SIGINT"), SIGTERM: process.listeners("SIGTERM") };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      unsafeTriggerHandlers: true,
      workers,
      ...(persistTo === undefined ? {} : { resourcePersistencePath: persistTo }),
      handleStructuredLogs: onLog ?? (() => undefined),
      ...(onRuntimeDeath === undefined ? {} : { unsafeHandleRuntimeRestart: onRuntimeDeath }),
    }),
  );
  keepOnly("SIGINT", before.SIGINT);
  keepOnly("SIGTERM", before.SIGTERM);
  try {
    const internalUrl = await miniflare.ready;
    const url = String(await miniflare.unsafeGetDirectURL(entry)).replace(/\/$/, "");
    return {
      url,
      miniflare,
      fireCron: (worker, cron) => fireCron(internalUrl, worker, cron),
      stop: () => miniflare.dispose(),
    };
  } catch (error) {
    await miniflare.dispose().catch(() => undefined);
    throw error;
  }
}

/**
 * By a request to the runtime's own door, never through Miniflare's `getWorker()`: that proxy
 * answers synchronously, so this thread would wait for the runtime, while the runtime waits for
 * this thread to take its log lines off its output. Both wait for good.
 */
async function fireCron(internalUrl: URL, worker: string, cron: string): Promise<void> {
  const query = new URLSearchParams({ cron, time: String(Date.now()) });
  const response = await fetch(new URL(`/cdn-cgi/local/scheduled?${query.toString()}`, internalUrl), {
    headers: { "MF-Route-Override": worker },
  });
  const outcome = await response.text();
  if (!response.ok) throw new Error(`the cron ${cron} ended with ${outcome.slice(0, OUTCOME_MAX)}`);
}

/**
 * A worker with sockets of its own. The runtime listens on one address an entrypoint, so that the
 * second loopback gets one by another name: the same module in the same isolate.
 */
function listening(worker: RunnableWorker, port: number, alsoOnIpv6: boolean): RunnableWorker {
  const onIpv4 = { host: "127.0.0.1", port };
  if (!alsoOnIpv6) return { ...worker, unsafeDirectSockets: [onIpv4] };
  const twoDoors = `export * from "./worker.js"; export { default, default as OnIpv6 } from "./worker.js";`;
  const [main] = "modules" in worker && Array.isArray(worker.modules) ? worker.modules : [];
  if (main === undefined) throw new Error(`${worker.name} has no module`);
  return {
    ...worker,
    modules: [
      { type: "ESModule", path: "index.js", contents: twoDoors },
      { ...main, path: "worker.js" },
    ],
    unsafeDirectSockets: [onIpv4, { host: "::1", port, entrypoint: "OnIpv6" }],
  };
}

/** A worker that takes TCP connections as its config says takes them at this port, or none. */
function connectable(worker: RunnableWorker, port: number | null): RunnableWorker {
  const { connectHandlers = [] } = worker;
  return {
    ...worker,
    connectHandlers:
      port === null ? [] : connectHandlers.map(({ protocol }) => ({ protocol, port, address: "127.0.0.1" })),
  };
}

/** Miniflare's own listeners exit with 130 and 143; stopping is the caller's decision. */
function keepOnly(signal: "SIGINT" | "SIGTERM", kept: readonly NodeJS.SignalsListener[]): void {
  for (const listener of process.listeners(signal))
    if (!kept.includes(listener)) process.removeListener(signal, listener);
}
