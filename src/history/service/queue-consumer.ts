import { isAtSpendingCap } from "../../platform/database/platform-errors.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { bringAfterCap, bringAgain, isDeadLetterQueue } from "../../platform/queue-messages.ts";
import { readQueueMessage, type QueueMessage } from "../biz/flush-message.ts";
import type { MessageOutcome } from "../biz/history-job.ts";
import { outlineOf } from "../biz/message-outline.ts";
import type { FailureKind, FailureLog, UnreadableMessage } from "../biz/ports.ts";

export interface QueueConsumerDeps {
  readonly runJob: (messages: readonly QueueMessage[]) => Promise<readonly MessageOutcome[]>;
  readonly failures: FailureLog;
  readonly logger: Logger;
}

/** As much of a message as is used; it may be a queue's, or come from another bus. */
type Delivered = Pick<Message, "id" | "body" | "attempts" | "ack" | "retry">;

/** Messages of a queue, or of its dead-letter queue. */
interface Batch {
  readonly queue: string;
  readonly messages: readonly Delivered[];
}

/**
 * A message's keys are pending and their lease ends in a minute: it need not wait longer than that.
 */
const RETRY_MAX_S = 60;
/**
 * Only a count is lost with a dead letter that can't be counted, and the database that can't count
 * it has other troubles.
 */
const DEAD_RETRY_MAX_S = 600;

/**
 * Takes batches off the flush queue and off its dead-letter queue. Messages are acknowledged one by
 * one. A dead one is counted and not kept: its keys are pending in their shard, which sends them
 * again, so an outage leaves one row written a batch and nothing that grows.
 */
export function queueConsumer(deps: QueueConsumerDeps): (batch: Batch) => Promise<void> {
  return async function consume(batch) {
    await (isDeadLetterQueue(batch.queue) ? countDead(deps, batch.messages) : runBatch(deps, batch.messages));
  };
}

/** Each is counted with its cell; of what can't be read nobody knows one, so `main` keeps it. */
async function countDead(deps: QueueConsumerDeps, messages: readonly Delivered[]): Promise<void> {
  const byCell = Map.groupBy(messages, ({ body }) => readQueueMessage(body)?.message.cell);
  for (const [cell, ofCell] of byCell) await countDeadOf(deps, ofCell, cell);
}

async function countDeadOf(
  deps: QueueConsumerDeps,
  messages: readonly Delivered[],
  cell: string | undefined,
): Promise<void> {
  const counts: Partial<Record<FailureKind, number>> = {};
  const unreadable: UnreadableMessage[] = [];
  for (const message of messages) {
    const read = readQueueMessage(message.body);
    if (read === null) unreadable.push(outlined(message));
    const kind: FailureKind =
      read === null ? "unreadable" : read.message.type === "flush" ? "dead_flush" : "dead_refill";
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  const failures = { counts, unreadable, ...(cell !== undefined && { cell }) };
  const error = await failureOf(() => deps.failures.note(failures));
  if (error === null) {
    for (const message of messages) message.ack();
    return;
  }
  deps.logger.error("dead letters not counted", {
    messages: messages.length,
    ...failureFields(error.cause),
  });
  for (const message of messages) bringBack(message, error.cause, DEAD_RETRY_MAX_S);
}

async function runBatch(deps: QueueConsumerDeps, messages: readonly Delivered[]): Promise<void> {
  const readable: { readonly message: Delivered; readonly body: QueueMessage }[] = [];
  const unreadable: Delivered[] = [];
  let badKeys = 0;
  for (const message of messages) {
    const read = readQueueMessage(message.body);
    if (read === null) {
      unreadable.push(message);
      continue;
    }
    readable.push({ message, body: read.message });
    if (read.badKeys === 0) continue;
    badKeys += read.badKeys;
    deps.logger.error("keys of a flush message skipped", { messageId: message.id, keys: read.badKeys });
  }
  await runReadable(deps, readable);
  await noteBad(deps, unreadable, badKeys);
}

async function runReadable(
  { runJob, logger }: QueueConsumerDeps,
  readable: readonly { readonly message: Delivered; readonly body: QueueMessage }[],
): Promise<void> {
  let outcomes: readonly MessageOutcome[] = [];
  const error = await failureOf(async () => {
    outcomes = await runJob(readable.map(({ body }) => body));
  });
  if (error !== null)
    logger.error("history job failed", { what: "run a batch", ...failureFields(error.cause) });
  for (const [index, { message }] of readable.entries()) {
    const outcome = outcomes[index];
    if (outcome === "done") message.ack();
    else if (outcome === "at the cap") bringAfterCap(message);
    else bringBack(message, error?.cause, RETRY_MAX_S);
  }
}

/**
 * Notes what can't be read. Messages nobody can read are done once that is written down; bad keys
 * are told already, and only their count can get lost.
 */
async function noteBad(
  { failures, logger }: QueueConsumerDeps,
  unreadable: readonly Delivered[],
  badKeys: number,
): Promise<void> {
  if (unreadable.length === 0 && badKeys === 0) return;
  const counts = {
    ...(unreadable.length > 0 ? { unreadable: unreadable.length } : {}),
    ...(badKeys > 0 ? { bad_key: badKeys } : {}),
  };
  const error = await failureOf(() => failures.note({ counts, unreadable: unreadable.map(outlined) }));
  if (error !== null)
    logger.error("unreadable messages not noted", {
      messages: unreadable.length,
      ...failureFields(error.cause),
    });
  for (const message of unreadable) {
    if (error === null) message.ack();
    else bringBack(message, error.cause, RETRY_MAX_S);
  }
}

function bringBack(message: Delivered, error: unknown, maxS: number): void {
  if (isAtSpendingCap(error)) bringAfterCap(message);
  else bringAgain(message, maxS);
}

function outlined({ id, body, attempts }: Delivered): UnreadableMessage {
  return { id, outline: outlineOf(body), attempts };
}

/** What went wrong with `work`; null if nothing did. */
async function failureOf(work: () => Promise<void>): Promise<{ readonly cause: unknown } | null> {
  try {
    await work();
    return null;
  } catch (cause) {
    return { cause };
  }
}
