import { join } from "node:path";
import { prepareWorker, startPlatform, type RunnableWorker } from "../../../scripts/runtime/platform.ts";
import { readWorkerConfigs } from "../../../scripts/runtime/worker-configs.ts";
import type {
  EntryPage,
  HistoryOverview,
  HistoryPlayback,
  ItemKey,
  Report,
} from "../../../src/contracts/history.ts";
import { contextOf } from "../workers/call-contexts.ts";
import { asBuilt } from "./as-built.ts";
import { drive, driverWorker, DRIVER } from "./driver-worker.ts";

const HISTORY = "playhead-history";
const NEEDED = [HISTORY, "playhead-durable"];
const ENTRYPOINTS = {
  PLAYBACK: [HISTORY, "Playback"],
  OPERATIONS: [HISTORY, "Operations"],
  ERASURE: [HISTORY, "Erasure"],
} as const;
/** One for all there is to be done. */
const CRON = "* * * * *";
/** More than a call on a busy machine takes. */
const ENOUGH_MS = 10_000;

interface StartLone {
  /** A state folder whose databases are migrated. */
  readonly state: string;
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Another release's worker as one module; absent: the present one's. */
  readonly bundle?: string;
}

export type ByHandMethod = keyof Pick<
  HistoryPlayback,
  "mark" | "remove" | "clear" | "setSettings" | "changes"
>;

/** The history by its entrypoints, of which nothing is left out on the way. */
export interface LoneHistory {
  /** Each throws where the history refuses. */
  readonly report: (userId: string, reports: readonly Report[]) => Promise<unknown>;
  readonly list: (userId: string, limit: number) => Promise<EntryPage>;
  /** What people do by hand. */
  readonly byHand: (userId: string, method: ByHandMethod, ...args: readonly unknown[]) => Promise<unknown>;
  readonly lookup: (userId: string, items: readonly ItemKey[]) => Promise<EntryPage>;
  readonly erase: (userId: string) => Promise<unknown>;
  readonly flush: () => Promise<unknown>;
  readonly overview: () => Promise<HistoryOverview>;
  /** What the cron does. */
  readonly sweep: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Nobody listens here: comets are another worker's. */
function withoutComets(worker: RunnableWorker): RunnableWorker {
  const { COMET: _, ...durableObjects } = worker.durableObjects ?? {};
  return { ...worker, durableObjects };
}

/** Starts the history worker without the workers that ask it, with its present config. */
export async function startLoneHistory({
  state,
  vars,
  secrets = {},
  bundle,
}: StartLone): Promise<LoneHistory> {
  const configs = readWorkerConfigs().filter(({ name }) => NEEDED.includes(name));
  const workers = await Promise.all(configs.map((config) => prepareWorker(config, { vars, secrets })));
  const platform = await startPlatform({
    workers: [
      driverWorker({ entrypoints: ENTRYPOINTS }),
      ...workers.map((worker) => (worker.name === HISTORY ? asBuilt(withoutComets(worker), bundle) : worker)),
    ],
    entry: DRIVER,
    port: 0,
    persistTo: join(state, "v3"),
  });
  const call = async <T>(
    binding: keyof typeof ENTRYPOINTS,
    method: string,
    userId?: string,
    ...args: readonly unknown[]
  ): Promise<T> => {
    const ctx = contextOf(ENOUGH_MS, userId);
    const { answer, message, code } = await drive(platform.url, { binding, method, args: [ctx, ...args] });
    if (message !== undefined) throw new Error(`${method} answered ${code ?? "no code"}: ${message}`);
    return answer as T;
  };
  return {
    report: (userId, reports) => call("PLAYBACK", "report", userId, reports),
    list: (userId, limit) => call("PLAYBACK", "list", userId, { limit }),
    byHand: (userId, method, ...args) => call("PLAYBACK", method, userId, ...args),
    lookup: (userId, items) => call("PLAYBACK", "lookup", userId, items),
    erase: (userId) => call("ERASURE", "erase", undefined, userId),
    flush: () => call("OPERATIONS", "flush"),
    overview: () => call("OPERATIONS", "overview"),
    sweep: () => platform.fireCron(HISTORY, CRON),
    stop: platform.stop,
  };
}
