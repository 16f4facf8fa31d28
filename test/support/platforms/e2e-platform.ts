import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databasesOf, migrateLocally } from "../../../scripts/runtime/migrate.ts";
import {
  prepareWorker,
  startPlatform,
  type RunnableWorker,
  type RunningPlatform,
} from "../../../scripts/runtime/platform.ts";
import { makeSecrets, type LocalSecrets } from "../../../scripts/runtime/secrets.ts";
import { readWorkerConfigs } from "../../../scripts/runtime/worker-configs.ts";
import { asBuilt } from "./as-built.ts";
import { copyMigratedState } from "./migrated-state.ts";

/** All workers from their real configs, on a folder of their own. */
export interface E2ePlatform extends RunningPlatform {
  readonly secrets: LocalSecrets;
}

/** Limits out of the way, unless a test is about them. */
const E2E_VARS = {
  LOG_LEVEL: "silent",
  FLUSH_WINDOW_MS: "1000",
  FAULTS: "on",
  TEST_CONTINENT: "on",
  RATE_LIMIT_SCALE: "1000",
  CHANGE_SINK: "queue",
};

export interface StartOn {
  readonly state: string;
  readonly secrets: LocalSecrets;
  /** Reach every worker that knows them. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Where goim's clients are listened to over TCP; nowhere if absent. */
  readonly tcpPort?: number;
  /** Workers of another release, by name, each as one module; the others are the present ones. */
  readonly bundles?: Readonly<Record<string, string>>;
  /** Adds workers of a test's own. */
  readonly around?: (workers: readonly RunnableWorker[]) => Promise<RunnableWorker[]>;
}

/**
 * Starts the platform on a state folder, new or old, as `npm start` does, without the launcher
 * around it. Stopping leaves the folder.
 */
export async function startPlatformOn({
  state,
  secrets,
  vars = {},
  bundles = {},
  tcpPort,
  around = async (workers) => [...workers],
}: StartOn): Promise<RunningPlatform> {
  process.env["WRANGLER_LOG"] = "error";
  const configs = readWorkerConfigs();
  const allVars = { ...E2E_VARS, BOOT_ID: randomUUID(), ...vars };
  await migrateLocally(databasesOf(configs), state);
  const workers = await Promise.all(
    configs.map(async (worker) =>
      asBuilt(await prepareWorker(worker, { vars: allVars, secrets }), bundles[worker.name]),
    ),
  );
  return startPlatform({
    workers: await around(workers),
    port: 0,
    persistTo: join(state, "v3"),
    ...(tcpPort !== undefined && { tcpPort }),
  });
}

/** Starts the platform on a folder of its own. `vars` reach every worker that knows them. */
export async function startE2ePlatform(
  vars: Readonly<Record<string, string>> = {},
  more: Pick<StartOn, "around" | "tcpPort"> = {},
): Promise<E2ePlatform> {
  const state = mkdtempSync(join(tmpdir(), "playhead-e2e-"));
  copyMigratedState(state);
  const secrets = makeSecrets();
  const platform = await startPlatformOn({ state, secrets, vars, ...more });
  return {
    ...platform,
    secrets,
    stop: async () => {
      await platform.stop();
      rmSync(state, { recursive: true, force: true });
    },
  };
}
