import type { Clock } from "../../resilience/clock.ts";
import { longestPauseMs, type DeliverySchedule } from "./delivery-schedule.ts";
import type { ChangeStore, OutboxStore, Retention, WakePublisher } from "./ports.ts";
import type { Publisher } from "./publisher.ts";

interface SweepDeps {
  readonly publisher: Pick<Publisher, "publishDue">;
  readonly outbox: Pick<OutboxStore, "recall">;
  readonly schedule: DeliverySchedule;
  readonly retention: Retention;
  readonly changes: Pick<ChangeStore, "enable">;
  readonly changeStream: boolean;
  readonly wakePublisher: WakePublisher;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * Steps of pruning in one run: at a thousand rows a step more than twice what a ledger at full
 * speed writes in that minute.
 */
const PRUNES_MAX = 20;

/**
 * What the cron does each minute: it makes due what a wrong clock has put off, sends what a lost
 * alarm has left lying, wakes the publisher, and prunes. No step holds up the next.
 */
export function createSweep({
  publisher,
  outbox,
  schedule,
  retention,
  changes,
  changeStream,
  wakePublisher,
  now,
  onFailure,
}: SweepDeps): (scheduledAtMs: number) => Promise<void> {
  const steps: Readonly<Record<string, (scheduledAtMs: number) => Promise<unknown>>> = {
    "switch the change log": () => changes.enable(changeStream),
    "recall messages": () => outbox.recall(now() + longestPauseMs(schedule), now()),
    "publish due messages": () => publisher.publishDue(),
    // By the earlier of two clocks: what is thrown away doesn't come back when a wrong reading is
    // over.
    prune: async (scheduledAtMs) => {
      for (
        let step = 0;
        step < PRUNES_MAX && (await retention.prune(Math.min(now(), scheduledAtMs)));
        step += 1
      );
    },
  };
  return async function sweep(scheduledAtMs) {
    for (const [what, step] of Object.entries(steps))
      await step(scheduledAtMs).catch((error: unknown) => onFailure(what, error));
    wakePublisher(now());
  };
}

/** All that is thrown away when it is old enough. */
export function retentionOf(...parts: readonly Retention[]): Retention {
  return {
    async prune(nowMs) {
      let hasMore = false;
      for (const part of parts) hasMore = (await part.prune(nowMs)) || hasMore;
      return hasMore;
    },
  };
}
