import type { Clock } from "../../resilience/clock.ts";
import { sweepOf } from "../../resilience/sweep.ts";
import type { Retention } from "./ports.ts";

interface SweepDeps {
  /** Calls every shard, also where one fails, and has all write the newest format they know. */
  readonly wakeShards: () => Promise<void>;
  /** Has every partition of the bus looked at; null where the bus has none. */
  readonly wakePullers: (() => Promise<void>) | null;
  readonly retentions: readonly Retention[];
  /** Says where the hot store may forget what is pending. */
  readonly checkHotStore: () => Promise<void>;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * What the cron does: wakes every shard, so that one that has lost its alarm sets it again, and
 * raises the format that they write; wakes who reads the bus, for the same reason; looks whether
 * the hot store keeps what it is given; then deletes what is old.
 */
export function createSweep({
  wakeShards,
  wakePullers,
  retentions,
  checkHotStore,
  now,
  onFailure,
}: SweepDeps): (scheduledAtMs: number) => Promise<void> {
  return sweepOf({
    steps: [
      { what: "wake every shard", run: wakeShards },
      ...(wakePullers === null ? [] : [{ what: "wake every puller", run: wakePullers }]),
      { what: "check the hot store", run: checkHotStore },
      ...retentions.map(({ what, prune }) => ({ what: `prune ${what}`, run: prune })),
    ],
    now,
    onFailure,
  });
}
