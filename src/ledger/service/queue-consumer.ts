import { isAtSpendingCap } from "../../platform/database/platform-errors.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { bringAfterCap, bringAgain, isDeadLetterQueue } from "../../platform/queue-messages.ts";
import { handleEach } from "../biz/handle-each.ts";
import type { Receiver } from "../biz/receiver.ts";

interface QueueConsumerDeps {
  readonly receiver: Pick<Receiver, "receive" | "keepDeadLetter">;
  readonly logger: Logger;
}

const RETRY_MAX_S = 300;

/**
 * Takes deliveries off the ledger's queue and off its dead-letter queue, each by itself: one that
 * fails is brought again alone. The queue's retries are only for what could not even be reported to
 * the origin; everything else the origin's outbox sends again.
 */
export function queueConsumer({
  receiver,
  logger,
}: QueueConsumerDeps): (batch: MessageBatch) => Promise<void> {
  return async function consume(batch) {
    const isDead = isDeadLetterQueue(batch.queue);
    await handleEach(batch.messages, async (message) => {
      try {
        await (isDead ? receiver.keepDeadLetter(message) : receiver.receive(message));
        message.ack();
      } catch (error) {
        logger.error("delivery not handled", {
          messageId: message.id,
          attempts: message.attempts,
          ...failureFields(error),
        });
        if (isAtSpendingCap(error)) bringAfterCap(message);
        else bringAgain(message, RETRY_MAX_S);
      }
    });
  };
}
