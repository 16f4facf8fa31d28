import type { Clock } from "../../resilience/clock.ts";
import { sweepOf } from "../../resilience/sweep.ts";
import type { Erasures } from "./erasures.ts";
import type { Retention } from "./ports.ts";

interface SweepDeps {
  readonly erasures: Pick<Erasures, "sweep">;
  readonly retentions: readonly Retention[];
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/** What the cron does: finishes erasures, then forgets what has expired. */
export function createSweep({
  erasures,
  retentions,
  now,
  onFailure,
}: SweepDeps): (scheduledAtMs: number) => Promise<void> {
  return sweepOf({
    steps: [
      { what: "finish erasures", run: () => erasures.sweep() },
      ...retentions.map(({ what, prune }) => ({ what: `prune ${what}`, run: prune })),
    ],
    now,
    onFailure,
  });
}
