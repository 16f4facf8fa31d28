import { describeCauses } from "../../contracts/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { handleEach } from "../biz/handle-each.ts";
import type { Receiver } from "../biz/receiver.ts";

interface DeliveryConsumerDeps {
  readonly receiver: Pick<Receiver, "receive" | "keepDeadLetter">;
  readonly logger: Logger;
}

const RETRY_BASE_S = 2;
const RETRY_MAX_S = 300;
const DEAD_LETTERS = /-dead$/;

/**
 * Takes deliveries off the ledger's queue and off its dead-letter queue, each by itself: one that
 * fails is brought again alone. The queue's retries are only for what could not even be reported to
 * the origin; everything else the origin's outbox sends again.
 */
export function deliveryConsumer({
  receiver,
  logger,
}: DeliveryConsumerDeps): (batch: MessageBatch) => Promise<void> {
  return async function consume(batch) {
    const isDead = DEAD_LETTERS.test(batch.queue);
    await handleEach(batch.messages, async (message) => {
      try {
        await (isDead ? receiver.keepDeadLetter(message) : receiver.receive(message));
        message.ack();
      } catch (error) {
        logger.error("delivery not handled", {
          messageId: message.id,
          attempts: message.attempts,
          causes: describeCauses(error),
        });
        message.retry({ delaySeconds: Math.min(RETRY_MAX_S, RETRY_BASE_S ** message.attempts) });
      }
    });
  };
}
