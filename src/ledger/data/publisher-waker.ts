import type { Guard } from "../../platform/guard/guard.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { WakePublisher } from "../biz/ports.ts";

interface PublisherWakerDeps {
  readonly namespace: ObjectNamespace;
  readonly guard: Guard;
  readonly background: (work: Promise<unknown>) => void;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

interface Wakeable {
  wake(atMs: number): Promise<number>;
}

const PUBLISHER_NAME = "publisher";

/**
 * Wakes the ledger's one publisher beside the request. An isolate remembers until when it knows the
 * alarm to be set, so a busy one calls about once for each run. A hint: where it is wrong, the cron
 * wakes the publisher.
 */
export function publisherWaker({
  namespace,
  guard,
  background,
  now,
  onFailure,
}: PublisherWakerDeps): WakePublisher {
  const publisher = objectsOf<Wakeable>(namespace);
  let armedAtMs = 0;
  return function wakePublisher(atMs) {
    if (armedAtMs > now() && armedAtMs <= atMs) return;
    armedAtMs = atMs;
    const plan = { kind: "write", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
    const wake = async (): Promise<void> => {
      try {
        await guard.call("wake the publisher", plan, () => publisher(PUBLISHER_NAME).wake(atMs));
      } catch (error) {
        armedAtMs = 0;
        onFailure("wake the publisher", error);
      }
    };
    background(wake());
  };
}
