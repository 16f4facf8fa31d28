import { describeCauses } from "../../contracts/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { queueMessageSchema, type QueueMessage } from "../biz/flush-message.ts";
import type { MessageOutcome } from "../biz/history-job.ts";

export interface QueueConsumerDeps {
  readonly runJob: (messages: readonly QueueMessage[]) => Promise<readonly MessageOutcome[]>;
  readonly keepDeadLetter: (letter: { readonly id: string; readonly body: unknown; readonly attempts: number }) => Promise<void>;
  readonly logger: Logger;
}

const DEAD_LETTERS = "playhead-history-flush-dead";
const RETRY_BASE_S = 2;
const RETRY_MAX_S = 60;

/** Takes batches off the flush queue and off its dead-letter queue. Messages are acknowledged one by one. */
export function queueConsumer(deps: QueueConsumerDeps): (batch: MessageBatch) => Promise<void> {
  return async function consume(batch) {
    if (batch.queue === DEAD_LETTERS) await eachMessage(batch.messages, (message) => keep(deps, message));
    else await runBatch(deps, batch);
  };
}

async function runBatch(deps: QueueConsumerDeps, batch: MessageBatch): Promise<void> {
  const readable: { readonly message: Message; readonly body: QueueMessage }[] = [];
  for (const message of batch.messages) {
    const parsed = queueMessageSchema.safeParse(message.body);
    if (parsed.success) readable.push({ message, body: parsed.data });
    else await eachMessage([message], (unreadable) => keep(deps, unreadable));
  }
  const outcomes = await deps.runJob(readable.map(({ body }) => body));
  for (const [index, { message }] of readable.entries()) {
    if (outcomes[index] === "done") message.ack();
    else message.retry({ delaySeconds: Math.min(RETRY_MAX_S, RETRY_BASE_S ** message.attempts) });
  }
}

async function keep(deps: QueueConsumerDeps, message: Message): Promise<void> {
  try {
    await deps.keepDeadLetter({ id: message.id, body: message.body, attempts: message.attempts });
    message.ack();
  } catch (error) {
    deps.logger.error("dead letter not kept", { messageId: message.id, causes: describeCauses(error) });
    message.retry({ delaySeconds: RETRY_MAX_S });
  }
}

async function eachMessage(messages: readonly Message[], handle: (message: Message) => Promise<void>): Promise<void> {
  for (const message of messages) await handle(message);
}
