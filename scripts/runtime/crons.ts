import { Cron } from "croner";
import type { RunningPlatform } from "./platform.ts";
import type { WorkerConfig } from "./worker-configs.ts";

/**
 * Fires every worker's crons as the platform would: Miniflare doesn't. A cron that is still running is not started again.
 *
 * @returns stops them
 */
export function fireCrons(
  configs: readonly WorkerConfig[],
  platform: Pick<RunningPlatform, "fireCron">,
  onFailure: (worker: string, error: unknown) => void,
): () => void {
  const jobs = configs.flatMap(({ name, config }) =>
    (config.triggers.crons ?? []).map(
      (cron) =>
        new Cron(cron, { timezone: "UTC", protect: true, catch: (error: unknown) => onFailure(name, error) }, () =>
          platform.fireCron(name, cron),
        ),
    ),
  );
  return () => {
    for (const job of jobs) job.stop();
  };
}
