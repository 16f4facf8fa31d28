import type { Guard } from "../../platform/guard/guard.ts";
import type { ChangeSink, DeliverySender } from "../biz/ports.ts";

/** As much of a queue's producer as is used. */
interface Producer {
  sendBatch(messages: { readonly body: unknown; readonly contentType: "json" }[]): Promise<unknown>;
  send(body: unknown, options: { readonly contentType: "json" }): Promise<unknown>;
}

const NOBODY_WAITS = { kind: "write", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;

/**
 * Sends deliveries to the other ledger's queue: one message each, so that one that is bad holds up
 * no other.
 */
export function queueDeliverySender(queue: Producer, guard: Guard): DeliverySender {
  return {
    async send(deliveries) {
      const messages = deliveries.map((body) => ({ body, contentType: "json" as const }));
      await guard.call("send deliveries", NOBODY_WAITS, () => queue.sendBatch(messages));
    },
  };
}

/**
 * Publishes changes to a queue: a batch is one message, so that their order survives a queue that
 * keeps none.
 */
export function queueChangeSink(queue: Producer, guard: Guard): ChangeSink {
  return {
    async publish(changes) {
      await guard.call("publish changes", NOBODY_WAITS, () =>
        queue.send({ v: 1, changes }, { contentType: "json" }),
      );
    },
  };
}
