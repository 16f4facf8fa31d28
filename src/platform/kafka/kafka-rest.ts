import { Kafka } from "@upstash/kafka";
import * as z from "zod/mini";
import { CodedError } from "../../contracts/errors.ts";
import type { KafkaAccess } from "./kafka-vars.ts";

const count = z.int().check(z.minimum(0));
const producedSchema = z.array(z.object({ partition: count, offset: count }));
/** A value that is none, or no text, is one message's fault, and must not cost the others. */
const fetchedSchema = z.array(
  z.object({ partition: count, offset: count, value: z.catch(z.nullable(z.string()), null) }),
);
const offsetsSchema = z.array(z.object({ partition: count, offset: count }));
const topicsSchema = z.record(z.string(), count);

/** More than any front sends that answers what it is asked, in bytes. */
const ANSWER_BYTES_MAX = 16_000_000;
/** How much of what a front says of an error is told. */
const REASON_MAX = 200;

/** A message to be appended to a topic, in the partition that its key has. */
export interface KafkaMessage {
  readonly key: string;
  readonly value: string;
  /** By which a reader knows it again, where it needs to. */
  readonly id?: string;
}

/** Where a message was appended. */
export interface KafkaPlace {
  readonly partition: number;
  readonly offset: number;
}

export interface KafkaRecord extends KafkaPlace {
  readonly value: string | null;
}

/** A REST front of Kafka. Each call ends soon after `limitMs`, and none is tried again here. */
export interface KafkaRest {
  /** Appends messages in their order, and answers where each is now. Maybe some more than once. */
  produce(topic: string, messages: readonly KafkaMessage[], limitMs: number): Promise<readonly KafkaPlace[]>;
  /** What there is from an offset on, as far as one answer carries; waits for nothing. */
  fetch(topic: string, place: KafkaPlace, limitMs: number): Promise<readonly KafkaRecord[]>;
  /** Where a partition begins or ends: its first offset, or the one that comes next. */
  offset(topic: string, partition: number, end: "earliest" | "latest", limitMs: number): Promise<number>;
  /** How many partitions a topic has; 0 where there is none of that name. */
  partitions(topic: string, limitMs: number): Promise<number>;
}

interface Ask {
  readonly path: readonly string[];
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As much of the client's own transport as is used, and what is replaced. */
interface Transport {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  request(method: string, ask: Ask): Promise<unknown>;
}

/** How long a fetch may wait at the front for the first record, in ms: it is there, or none is. */
const FETCH_WAIT_MS = 100;

/** The guard around a call gives it up first, and so knows that it was late, in ms. */
const AFTER_GUARD_MS = 100;

/** Reaches Kafka through a front that speaks the dialect of `@upstash/kafka`. */
export function kafkaRest(access: KafkaAccess): KafkaRest {
  return {
    async produce(topic, messages, limitMs) {
      const requests = messages.map(({ key, value, id }) => ({
        topic,
        key,
        value,
        ...(id === undefined ? {} : { headers: [{ key: "id", value: id }] }),
      }));
      const answer = await within(access, limitMs).producer().produceMany(requests);
      const places = read(producedSchema, answer, "produce");
      if (places.length !== messages.length)
        throw new CodedError("UNAVAILABLE", `Kafka took ${places.length} of ${messages.length} messages`);
      return places;
    },

    async fetch(topic, { partition, offset }, limitMs) {
      const answer = await within(access, limitMs)
        .consumer()
        .fetch({ topic, partition, offset, timeout: FETCH_WAIT_MS });
      return read(fetchedSchema, answer, "fetch");
    },

    async offset(topic, partition, end, limitMs) {
      const answer = await within(access, limitMs)
        .admin()
        .topicPartitionOffsets({ timestamp: end, topicPartition: { topic, partition } });
      const found = read(offsetsSchema, answer, "offsets").find((place) => place.partition === partition);
      if (found === undefined)
        throw new CodedError("UNAVAILABLE", `Kafka knows no partition ${partition} of ${topic}`);
      return found.offset;
    },

    async partitions(topic, limitMs) {
      const topics = read(topicsSchema, await within(access, limitMs).admin().topics(), "topics");
      return topics[topic] ?? 0;
    },
  };
}

/**
 * The client, with another transport: its own has no limit of time, and tries everything six times
 * over 15 s, what was refused too. An object must leave nothing pending, and its guard decides what
 * is tried again.
 */
function within({ url, username, password }: KafkaAccess, limitMs: number): Kafka {
  const kafka = new Kafka({ url, username, password });
  const transport = Reflect.get(kafka, "client") as Transport;
  const { baseUrl, headers } = transport;
  transport.request = async (method, ask) => {
    const aborter = new AbortController();
    const timer = setTimeout(() => aborter.abort(), limitMs + AFTER_GUARD_MS);
    try {
      const response = await fetch([baseUrl, ...ask.path.map(encodeURIComponent)].join("/"), {
        method,
        headers: { "Content-Type": "application/json", ...headers, ...ask.headers },
        // The password goes nowhere else.
        redirect: "manual",
        signal: aborter.signal,
        ...(ask.body === undefined ? {} : { body: JSON.stringify(ask.body) }),
      });
      return await answerOf(response, `${method} ${ask.path[0] ?? ""}`);
    } finally {
      clearTimeout(timer);
    }
  };
  return kafka;
}

/** The JSON of an answer. Throws `UNAVAILABLE` where it is none, or says what went wrong. */
async function answerOf(response: Response, what: string): Promise<unknown> {
  const text = await boundedText(response);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new CodedError("UNAVAILABLE", `Kafka's front answered ${what} with ${response.status} and no JSON`);
  }
  if (response.ok) return body;
  const reason = (body as { readonly error?: unknown } | null)?.error;
  const told = typeof reason === "string" ? `: ${reason.slice(0, REASON_MAX)}` : "";
  throw new CodedError(
    response.status === 429 ? "OVERLOADED" : "UNAVAILABLE",
    `Kafka's front answered ${what} with ${response.status}${told}`,
  );
}

async function boundedText({ body }: Response): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX)
      throw new CodedError("UNAVAILABLE", `Kafka's front answered with more than ${ANSWER_BYTES_MAX} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function read<S extends z.core.$ZodType>(schema: S, answer: unknown, what: string): z.output<S> {
  const result = z.safeParse(schema, answer);
  if (result.success) return result.data;
  throw new CodedError("UNAVAILABLE", `Kafka's front answered ${what} with something else`, {
    cause: result.error,
  });
}
