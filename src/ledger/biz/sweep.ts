import type { Clock } from "../../resilience/clock.ts";
import type { ChangeStore, Retention, WakePublisher } from "./ports.ts";
import type { Publisher } from "./publisher.ts";

interface SweepDeps {
  readonly publisher: Pick<Publisher, "publishDue">;
  readonly retention: Retention;
  readonly changes: Pick<ChangeStore, "enable">;
  readonly changeStream: boolean;
  readonly wakePublisher: WakePublisher;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/** Batches pruned in one run. */
const PRUNES_MAX = 10;

/** What the cron does each minute: it sends what a lost alarm has left lying, wakes the publisher, and prunes. No step holds up the next. */
export function createSweep({
  publisher,
  retention,
  changes,
  changeStream,
  wakePublisher,
  now,
  onFailure,
}: SweepDeps): () => Promise<void> {
  const steps: Readonly<Record<string, () => Promise<unknown>>> = {
    "switch the change log": () => changes.enable(changeStream),
    "publish due messages": () => publisher.publishDue(),
    prune: async () => {
      for (let batch = 0; batch < PRUNES_MAX && (await retention.prune(now())) > 0; batch += 1);
    },
  };
  return async function sweep() {
    for (const [what, step] of Object.entries(steps)) await step().catch((error: unknown) => onFailure(what, error));
    wakePublisher(now());
  };
}
