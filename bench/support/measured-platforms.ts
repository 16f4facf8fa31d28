import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleWorker } from "../../scripts/runtime/bundle.ts";
import { databasesOf, migrateLocally } from "../../scripts/runtime/migrate.ts";
import {
  prepareWorker,
  startPlatform,
  type RunnableWorker,
  type RunningPlatform,
} from "../../scripts/runtime/platform.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import { withSocketDriver } from "../../testbed/sockets/socket-workers.ts";
import { replaceModules, type Part } from "./parts.ts";
import { readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";

const COMPATIBILITY_DATE = "2026-10-23";
const secrets = makeSecrets();
/** Memory, where the system has a folder for it. */
const FAST = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** The operator of every candidate that has one. */
export const OPERATOR = { email: secrets.ADMIN_EMAIL, password: secrets.ADMIN_PASSWORD } as const;

/** Bundled once, however many platforms run them: by their options. */
const prepared = new Map<string, Promise<RunnableWorker[]>>();
const temporaryFolders: string[] = [];
process.once("exit", () => {
  for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true });
});

let migrated: Promise<string> | null = null;

/**
 * A state folder of its own, a copy of `from`; if that is absent it is migrated and empty, which is
 * made once.
 */
async function stateOfItsOwn(from?: string, under = tmpdir()): Promise<string> {
  migrated ??= migratedState();
  const state = temporaryFolder(under);
  cpSync(from ?? join(await migrated, "v3"), state, { recursive: true });
  return state;
}

/**
 * A state folder that platforms may begin with: as a whole one leaves it which has stopped, after
 * `work`. Answers what that has answered, too.
 */
export async function stateAfter<T>(
  options: WholeOptions,
  work: (url: string) => Promise<T>,
): Promise<{ readonly state: string; readonly result: T }> {
  const state = await stateOfItsOwn(undefined, FAST);
  const { url, stop } = await startPlatform({
    workers: await realWorkers(options),
    port: 0,
    persistTo: state,
  });
  try {
    return { state, result: await work(url) };
  } finally {
    await stop();
  }
}

/** Is gone when this process exits. */
function temporaryFolder(under: string): string {
  const folder = mkdtempSync(join(under, "playhead-bench-"));
  temporaryFolders.push(folder);
  return folder;
}

async function migratedState(): Promise<string> {
  const state = temporaryFolder(tmpdir());
  await migrateLocally(databasesOf(readWorkerConfigs()), state);
  return state;
}

async function benchWorker(
  file: string,
  more: Partial<RunnableWorker> & { readonly name: string },
): Promise<RunnableWorker> {
  const contents = await bundleWorker(`${PROJECT_ROOT}bench/workers/${file}.ts`);
  return {
    compatibilityDate: COMPATIBILITY_DATE,
    modules: [{ type: "ESModule", path: "index.js", contents }],
    ...more,
  } as RunnableWorker;
}

/**
 * Production's vars but for the log, which would measure the terminal, and the limits: a few users
 * send what thousands would.
 */
function realWorkers({
  without = [],
  logLevel = "warn",
  rateLimitScale = 10_000,
  moreVars = {},
}: WholeOptions = {}): Promise<RunnableWorker[]> {
  const vars = { LOG_LEVEL: logLevel, RATE_LIMIT_SCALE: String(rateLimitScale), ...moreVars };
  const key = JSON.stringify([without, vars]);
  const known = prepared.get(key);
  if (known !== undefined) return known;
  const plugins = without.length === 0 ? [] : [replaceModules(without)];
  const workers = Promise.all(
    readWorkerConfigs().map((worker) => prepareWorker(worker, { vars, secrets, plugins })),
  );
  prepared.set(key, workers);
  return workers;
}

export interface WholeOptions {
  /** Parts of the product to leave out, in order to weigh them. */
  readonly without?: readonly Part[];
  /** `info` is production's: a line of some requests, taken off the runtime by this process. */
  readonly logLevel?: "warn" | "info";
  /** 1 where the limits are what is measured; 10,000 if absent. */
  readonly rateLimitScale?: number;
  readonly moreVars?: Readonly<Record<string, string>>;
  /** What it begins with a copy of; nothing if absent. */
  readonly state?: string;
}

/** The product as deployed, on disk. */
export async function startWhole(options: WholeOptions = {}): Promise<RunningPlatform> {
  const persistTo = await stateOfItsOwn(options.state);
  return startPlatform({ workers: await realWorkers(options), port: 0, persistTo });
}

/** The product with comets and rooms counting, and a worker that drives sockets from within. */
export async function startWithSocketDriver(options: WholeOptions = {}): Promise<RunningPlatform> {
  const workers = await withSocketDriver(await realWorkers(options));
  return startPlatform({ workers, port: 0, persistTo: await stateOfItsOwn() });
}

/**
 * The product with its shared objects counting the calls that they get; `fetch` of the worker
 * `playhead-durable` answers the counts.
 */
export async function startMetered(): Promise<RunningPlatform> {
  const contents = await bundleWorker(`${PROJECT_ROOT}bench/workers/metered-durable.ts`);
  const workers = (await realWorkers()).map((worker) =>
    worker.name === "playhead-durable"
      ? { ...worker, modules: [{ type: "ESModule" as const, path: "index.js", contents }] }
      : worker,
  );
  return startPlatform({ workers, port: 0, persistTo: await stateOfItsOwn() });
}

/**
 * The real gateway, with or without its protection, before an app BFF whose work has few places.
 */
export async function startBeforeNarrowUpstream(options: WholeOptions = {}): Promise<RunningPlatform> {
  const narrow = await benchWorker("narrow-app-bff", {
    name: "playhead-app-bff",
    durableObjects: { PLACES: { className: "Places", useSQLite: true } },
  });
  const workers = (await realWorkers(options)).map((worker) =>
    worker.name === "playhead-app-bff" ? narrow : worker,
  );
  return startPlatform({ workers, port: 0, persistTo: await stateOfItsOwn() });
}

/** The same gateway and BFF over a history service that writes every report to D1 at once. */
export async function startWriteThrough(options: WholeOptions = {}): Promise<RunningPlatform> {
  return startWithHistory("write-through-history", {}, options);
}

/** Likewise over one that keeps nothing: the most that any could do. */
export async function startForgetful(options: WholeOptions = {}): Promise<RunningPlatform> {
  return startWithHistory("forgetful-history", {}, options);
}

/** Likewise without comparing what it writes with what is there. */
export async function startUnguarded(options: WholeOptions = {}): Promise<RunningPlatform> {
  return startWithHistory("unguarded-history", {}, options);
}

/** The same gateway and BFF over a history service that writes every report to this Redis. */
export async function startUpstash(redisUrl: string, options: WholeOptions = {}): Promise<RunningPlatform> {
  const bindings = { CANDIDATES_REDIS_URL: redisUrl };
  const queueProducers = { FLUSH_QUEUE: "playhead-history-flush" };
  const queueConsumers = { "playhead-history-flush": { maxBatchSize: 20, maxBatchTimeout: 1 } };
  return startWithHistory("upstash-history", { bindings, queueProducers, queueConsumers }, options);
}

async function startWithHistory(
  file: string,
  more: Partial<RunnableWorker>,
  options: WholeOptions,
): Promise<RunningPlatform> {
  const history = await benchWorker(file, {
    name: "playhead-history",
    d1Databases: { HISTORY_DB_0: { id: "HISTORY_DB_0" } },
    ...more,
  });
  const workers = (await realWorkers(options)).map((worker) =>
    worker.name === "playhead-history" ? history : worker,
  );
  return startPlatform({ workers, port: 0, persistTo: await stateOfItsOwn(options.state) });
}

/**
 * The same hops as the product in plain Hono and RPC: no auth, no log, no guards, a shard that only
 * counts; with `togetherMs` it answers reports in groups, so long after the first of each.
 */
export async function startBareChain(togetherMs?: number): Promise<RunningPlatform> {
  const workers = [
    await benchWorker("bare-gateway", {
      name: "bare-gateway",
      serviceBindings: { BFF: { name: "bare-bff" } },
    }),
    await benchWorker("bare-bff", {
      name: "bare-bff",
      serviceBindings: { HISTORY: { name: "bare-history", entrypoint: "Playback" } },
    }),
    await benchWorker("bare-history", {
      name: "bare-history",
      durableObjects: { SHARD: { className: "CountingShard", useSQLite: true } },
      ...(togetherMs === undefined ? {} : { bindings: { TOGETHER_MS: togetherMs } }),
    }),
  ];
  return startPlatform({ workers, entry: "bare-gateway", port: 0 });
}

/** One plain Hono worker. */
export async function startBareWorker(): Promise<RunningPlatform> {
  return startPlatform({
    workers: [await benchWorker("bare-worker", { name: "bare-worker" })],
    entry: "bare-worker",
    port: 0,
  });
}

/** An object that runs whatever SQL it is given and tells what that would cost. */
export async function startSqlMeter(): Promise<RunningPlatform> {
  const durableObjects = { SQL: { className: "SqlMeter", useSQLite: true } };
  const meter = await benchWorker("sql-meter", { name: "sql-meter", durableObjects });
  return startPlatform({ workers: [meter], entry: "sql-meter", port: 0 });
}
