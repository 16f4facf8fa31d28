import * as z from "zod";
import { FrontError } from "../shared/front-error.ts";
import { EARLIEST, LATEST } from "./catalogue.ts";
import type { TopicPartition, TopicPartitionOffset } from "./topic-partition.ts";

const TOPIC_LENGTH_MAX = 249;
const NAME_LENGTH_MAX = 255;
const HEADERS_MAX = 100;
const PARTITIONS_MAX = 1_000;
const TOPICS_MAX = 100;
const NAME_RULE = "must be 1 to 255 characters without spaces";

const text = z
  .string()
  .refine((value) => value.isWellFormed(), "holds half a surrogate pair, which has no UTF-8");
const topic = z
  .string()
  .max(TOPIC_LENGTH_MAX)
  .regex(/^(?!\.{1,2}$)[\w.-]+$/, "must be letters, digits, '.', '_' and '-'");
const partition = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const offset = z.int().min(0);
const timeout = z.number().min(0);

const messageSchema = z.object({
  topic,
  value: text,
  key: text.nullish(),
  partition: partition.nullish(),
  timestamp: z.int().min(0).nullish(),
  headers: z
    .array(z.object({ key: text, value: text }))
    .max(HEADERS_MAX)
    .nullish(),
});

/** A message as a client sends it. */
export type MessageToWrite = z.infer<typeof messageSchema>;

const topicPartitionSchema = z.object({ topic, partition });
const topicPartitionOffsetSchema = z.object({ topic, partition, offset });
const fetchSchema = z
  .object({
    topic: topic.nullish(),
    partition: partition.nullish(),
    offset: offset.nullish(),
    topicPartitionOffsets: z.array(topicPartitionOffsetSchema).max(PARTITIONS_MAX).nullish(),
    timeout: timeout.nullish(),
  })
  .refine(({ topic: one, topicPartitionOffsets: many }) => one != null || (many ?? []).length > 0, {
    error: "needs topic, partition and offset, or topicPartitionOffsets",
  })
  .refine(({ topic: named, partition: at, offset: from }) => named == null || (at != null && from != null), {
    error: "with topic needs partition and offset",
  });
const consumeSchema = z
  .object({
    topic: topic.nullish(),
    topics: z.array(topic).max(TOPICS_MAX).nullish(),
    timeout: timeout.nullish(),
  })
  .refine(({ topic: one, topics }) => one != null || (topics ?? []).length > 0, "needs topic or topics");

/** Messages of a produce, one or many. Throws {@link FrontError}. */
export function readMessages(body: Uint8Array, countMax: number): readonly MessageToWrite[] {
  const value = parse(body);
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  if (list.length === 0) throw new FrontError(400, "there is no message to produce");
  if (list.length > countMax)
    throw new FrontError(413, `${list.length} messages at once are more than ${countMax}`);
  return list.map((item, index) => valid(messageSchema, item, `message ${index}`));
}

export interface FetchAsked {
  readonly from: readonly TopicPartitionOffset[];
  readonly timeoutMs: number | null;
}

/** Throws {@link FrontError}. */
export function readFetch(body: Uint8Array): FetchAsked {
  const {
    topic: one,
    partition: at,
    offset: start,
    topicPartitionOffsets: many,
    timeout: waitMs,
  } = valid(fetchSchema, parse(body), "the body");
  const single =
    one == null || at == null || start == null ? [] : [{ topic: one, partition: at, offset: start }];
  return { from: distinct([...single, ...(many ?? [])]), timeoutMs: waitMs ?? null };
}

export interface ConsumeAsked {
  /** In order, each once. */
  readonly topics: readonly string[];
  readonly timeoutMs: number | null;
}

/** Throws {@link FrontError}. */
export function readConsume(body: Uint8Array): ConsumeAsked {
  const { topic: one, topics, timeout: waitMs } = valid(consumeSchema, parse(body), "the body");
  return {
    topics: [...new Set([...(one == null ? [] : [one]), ...(topics ?? [])])].sort(),
    timeoutMs: waitMs ?? null,
  };
}

/** One offset or several; null for an empty body, which means all that was consumed. */
export function readOffsets(body: Uint8Array): readonly TopicPartitionOffset[] | null {
  if (body.length === 0) return null;
  const offsets = listOf(topicPartitionOffsetSchema, body);
  return offsets.length === 0 ? null : distinct(offsets);
}

/** One partition or several; null for an empty body, which means all. Throws {@link FrontError}. */
export function readPartitions(body: Uint8Array): readonly TopicPartition[] | null {
  if (body.length === 0) return null;
  return distinct(listOf(topicPartitionSchema, body));
}

/** `earliest`, `latest` or milliseconds. Throws {@link FrontError}. */
export function readTimestamp(text: string): bigint {
  if (text === "earliest") return EARLIEST;
  if (text === "latest") return LATEST;
  if (/^\d{1,15}$/.test(text)) return BigInt(text);
  throw new FrontError(400, "a time must be earliest, latest or milliseconds since 1970");
}

/** A group's or an instance's name, as it stands in a path. Throws {@link FrontError}. */
export function readName(text: string): string {
  let name: string;
  try {
    name = decodeURIComponent(text);
  } catch (cause) {
    throw new FrontError(400, "a name in the path is not percent-encoded UTF-8", { cause });
  }
  if (!/^\S+$/.test(name) || name.length > NAME_LENGTH_MAX)
    throw new FrontError(400, `a group's or an instance's name ${NAME_RULE}`);
  return name;
}

function listOf<Schema extends z.ZodType>(schema: Schema, body: Uint8Array): readonly z.infer<Schema>[] {
  const value = parse(body);
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  if (list.length > PARTITIONS_MAX)
    throw new FrontError(413, `${list.length} partitions at once are more than ${PARTITIONS_MAX}`);
  return list.map((item, index) => valid(schema, item, `partition ${index}`));
}

/** Kafka refuses a request that names a partition twice, so of such the last one counts. */
function distinct<Item extends TopicPartition>(items: readonly Item[]): readonly Item[] {
  return [...new Map(items.map((item) => [`${item.topic}:${item.partition}`, item])).values()];
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch (cause) {
    throw new FrontError(400, "the body is not JSON in UTF-8", { cause });
  }
}

function valid<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new FrontError(
    400,
    `${what}${where === "" ? "" : `: ${where}`}: ${issue?.message ?? "is not valid"}`,
  );
}
