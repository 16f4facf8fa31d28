import { Cron } from "croner";
import type { RunningPlatform } from "./platform.ts";
import type { WorkerConfig } from "./worker-configs.ts";

interface FireCronsOptions {
  /** Seconds between two firings of each cron, instead of what its config says. */
  readonly everySeconds: number | null;
  readonly onFired: (worker: string, cron: string, tookMs: number) => void;
  readonly onFailure: (worker: string, error: unknown) => void;
}

/**
 * Fires every worker's crons as the platform would: Miniflare doesn't. A cron that is still running
 * is not started again.
 *
 * @returns stops them
 */
export function fireCrons(
  configs: readonly WorkerConfig[],
  platform: Pick<RunningPlatform, "fireCron">,
  { everySeconds, onFired, onFailure }: FireCronsOptions,
): () => void {
  let stopped = false;
  const fire = async (worker: string, cron: string): Promise<void> => {
    const startedMs = performance.now();
    try {
      await platform.fireCron(worker, cron);
      onFired(worker, cron, performance.now() - startedMs);
    } catch (error) {
      // What was under way when everything stopped has not failed.
      if (!stopped) onFailure(worker, error);
    }
  };
  const jobs = configs.flatMap(({ name, config }) =>
    (config.triggers.crons ?? []).map((cron) =>
      everySeconds === null
        ? new Cron(cron, { timezone: "UTC", protect: true }, () => fire(name, cron))
        : new Cron("* * * * * *", { interval: everySeconds, protect: true }, () => fire(name, cron)),
    ),
  );
  return () => {
    stopped = true;
    for (const job of jobs) job.stop();
  };
}
