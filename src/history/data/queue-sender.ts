import type { Guard } from "../../platform/guard/guard.ts";
import { bodyOf } from "../biz/flush-message.ts";
import type { FlushQueue } from "../biz/ports.ts";

/** A batch of the queue holds at most 256 KB: two of our largest messages. */
const MESSAGES_PER_BATCH = 2;

/**
 * Sends the messages of a cell's shards through its queue. A batch that failed is not sent again
 * here: the shard's alarm will.
 */
export function queueSender(queue: Queue, guard: Guard, cell: string): FlushQueue {
  const plan = { kind: "write", idempotent: false, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
  return {
    async send(messages) {
      for (let from = 0; from < messages.length; from += MESSAGES_PER_BATCH) {
        const batch = messages
          .slice(from, from + MESSAGES_PER_BATCH)
          .map((message) => ({ body: bodyOf(message, cell), contentType: "json" }) as const);
        await guard.call("send to the flush queue", plan, () => queue.sendBatch(batch));
      }
    },
  };
}
