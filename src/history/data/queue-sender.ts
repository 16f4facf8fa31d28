import { wrap } from "../../contracts/errors.ts";
import type { FlushQueue, QueueMessage } from "../biz/ports.ts";

/** A batch of the queue holds at most 256 KB: two of our largest messages. */
const MESSAGES_PER_BATCH = 2;

/** Sends messages through a Cloudflare queue. */
export function queueSender(queue: Queue<QueueMessage>): FlushQueue {
  return {
    async send(messages) {
      try {
        for (let from = 0; from < messages.length; from += MESSAGES_PER_BATCH) {
          await queue.sendBatch(messages.slice(from, from + MESSAGES_PER_BATCH).map((body) => ({ body, contentType: "json" })));
        }
      } catch (cause) {
        throw wrap(cause, "send to the flush queue", "UNAVAILABLE");
      }
    },
  };
}
