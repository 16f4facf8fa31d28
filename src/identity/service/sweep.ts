import { describeCauses } from "../../contracts/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Erasures } from "../biz/erasures.ts";
import type { Pruning } from "../biz/ports.ts";
import type { Clock } from "../../resilience/clock.ts";

/** Batches one sweep prunes at most; what is left waits for the next one, some minutes later. */
const PRUNE_BATCHES_MAX = 20;

export interface SweepDeps {
  readonly pruning: Pruning;
  readonly erasures: Pick<Erasures, "sweep">;
  readonly now: Clock;
  readonly logger: Logger;
}

/**
 * The cron: forgets what has expired and finishes erasures. Neither waits for the other to succeed.
 */
export function createSweep({ pruning, erasures, now, logger }: SweepDeps) {
  /** By the earlier of two clocks: one reading a month ahead would end every session there is. */
  async function prune(scheduledAtMs: number): Promise<void> {
    let rows = 0;
    for (let batch = 0; batch < PRUNE_BATCHES_MAX; batch += 1) {
      const gone = await pruning.pruneBatch(Math.min(now(), scheduledAtMs));
      rows += gone;
      if (gone === 0) break;
    }
    if (rows > 0) logger.info("pruned", { rows });
  }

  async function orLog(what: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      logger.error("sweep failed", { what, causes: describeCauses(error) });
    }
  }

  return async function sweep(scheduledAtMs: number): Promise<void> {
    await Promise.all([orLog("prune", prune(scheduledAtMs)), orLog("erase", erasures.sweep())]);
  };
}
