import type { Clock } from "../../resilience/clock.ts";
import { sweepOf } from "../../resilience/sweep.ts";
import type { Retention } from "./ports.ts";

interface SweepDeps {
  /** Calls every shard, also where one fails, and has all write the newest format they know. */
  readonly wakeShards: () => Promise<void>;
  readonly retentions: readonly Retention[];
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * What the cron does: wakes every shard, so that one that has lost its alarm sets it again, and
 * raises the format that they write; then deletes what is old.
 */
export function createSweep({
  wakeShards,
  retentions,
  now,
  onFailure,
}: SweepDeps): (scheduledAtMs: number) => Promise<void> {
  return sweepOf({
    steps: [
      { what: "wake every shard", run: wakeShards },
      ...retentions.map(({ what, prune }) => ({ what: `prune ${what}`, run: prune })),
    ],
    now,
    onFailure,
  });
}
