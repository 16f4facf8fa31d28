import type { WorkerConfig } from "../../../scripts/runtime/worker-configs.ts";
import type { PlatformParts } from "./platform-parts.ts";
import { QueueHost } from "./queue-host.ts";

/** The queues that somebody sends to or reads. `consume` runs a batch in its worker. */
export function openQueues(
  configs: readonly WorkerConfig[],
  parts: PlatformParts,
  consume: (worker: string, batch: object) => Promise<void>,
): ReadonlyMap<string, QueueHost> {
  const consumers = configs.flatMap(({ name: worker, config }) =>
    (config.queues.consumers ?? []).map((consumer) => ({ worker, consumer })),
  );
  const names = new Set([
    ...configs.flatMap(({ config }) => (config.queues.producers ?? []).map(({ queue }) => queue ?? "")),
    ...consumers.map(({ consumer }) => consumer.queue),
  ]);
  const queues = new Map<string, QueueHost>();
  for (const name of names) {
    const found = consumers.find(({ consumer }) => consumer.queue === name);
    const consumer =
      found === undefined
        ? null
        : {
            config: found.consumer,
            run: (batch: object) => consume(found.worker, batch),
            toDead: (body: unknown) => queues.get(found.consumer.dead_letter_queue ?? "")?.send(body),
          };
    queues.set(name, new QueueHost({ ...parts, name, consumer }));
  }
  return queues;
}
