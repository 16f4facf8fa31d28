import type { Clock } from "../../resilience/clock.ts";
import { sweepOf } from "../../resilience/sweep.ts";
import { longestPauseMs, type DeliverySchedule } from "./delivery-schedule.ts";
import type { ChangeStore, OutboxStore, Retention, WakePublisher } from "./ports.ts";
import type { Publisher } from "./publisher.ts";

interface SweepDeps {
  readonly publisher: Pick<Publisher, "publishDue">;
  readonly outbox: Pick<OutboxStore, "recall">;
  readonly schedule: DeliverySchedule;
  readonly retentions: readonly Retention[];
  readonly changes: Pick<ChangeStore, "enable">;
  readonly changeStream: boolean;
  readonly wakePublisher: WakePublisher;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * What the cron does each minute: it makes due what a wrong clock has put off, sends what a lost
 * alarm has left lying, prunes, and wakes the publisher. At a thousand rows a round pruning keeps
 * up with more than twice what a ledger at full speed writes in that minute.
 */
export function createSweep({
  publisher,
  outbox,
  schedule,
  retentions,
  changes,
  changeStream,
  wakePublisher,
  now,
  onFailure,
}: SweepDeps): (scheduledAtMs: number) => Promise<void> {
  return sweepOf({
    steps: [
      { what: "switch the change log", run: () => changes.enable(changeStream) },
      { what: "recall messages", run: () => outbox.recall(now() + longestPauseMs(schedule), now()) },
      { what: "publish due messages", run: async () => void (await publisher.publishDue()) },
      ...retentions.map(({ what, prune }) => ({ what: `prune ${what}`, run: prune })),
      { what: "wake the publisher", run: async () => wakePublisher(now()) },
    ],
    now,
    onFailure,
  });
}
