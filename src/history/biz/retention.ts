import type { Clock } from "../../resilience/clock.ts";

/** Something that grows, and whose old part goes. */
export interface Retention {
  readonly what: string;
  /** Deletes some of what is too old, in bounded statements. Answers whether there is more. */
  prune(nowMs: number): Promise<boolean>;
}

interface PruneDeps {
  readonly retentions: readonly Retention[];
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * Steps one run takes on each: the cron comes again in minutes, and users wait for the same
 * database.
 */
const STEPS_MAX = 20;

/**
 * Deletes what is old, a bounded part of it a run. Never throws: what fails is told, keeps nothing
 * else from its turn, and is tried at the next run.
 */
export async function pruneOld({ retentions, now, onFailure }: PruneDeps): Promise<void> {
  for (const retention of retentions) {
    try {
      for (let step = 0; step < STEPS_MAX && (await retention.prune(now())); step += 1);
    } catch (error) {
      onFailure(`prune ${retention.what}`, error);
    }
  }
}
