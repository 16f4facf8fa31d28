import { FrontError } from "../shared/front-error.ts";
import type { Catalogue } from "./catalogue.ts";
import { Partitioner } from "./partitioner.ts";
import type { ProduceClients, KafkaMessage } from "./produce-clients.ts";
import { ProduceLane } from "./produce-lane.ts";
import type { MessageToWrite } from "./read-bodies.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** What a record has around its own bytes, and each header around its own, at most. */
const RECORD_BYTES = 40;
const HEADER_BYTES = 10;
/** A batch of one record must fit into what a broker takes by default. */
const MESSAGE_BYTES_MAX = 900_000;

/** Where a message was written. */
export interface Written extends TopicPartition {
  readonly offset: number;
  readonly timestamp: number;
}

export interface ProduceLimits {
  /** How long a request waits, and a batch is tried. */
  readonly timeoutMs: number;
}

interface Piece {
  readonly messages: KafkaMessage[];
  readonly indexes: number[];
  bytes: number;
}

/** Writes the messages of all requests, those of one partition in the order in which they came. */
export class Produce {
  readonly #catalogue: Catalogue;
  readonly #clients: ProduceClients;
  readonly #limits: ProduceLimits;
  readonly #partitioner = new Partitioner();
  /** Only of partitions for which something waits. */
  readonly #lanes = new Map<string, ProduceLane>();

  constructor(catalogue: Catalogue, clients: ProduceClients, limits: ProduceLimits) {
    this.#catalogue = catalogue;
    this.#clients = clients;
    this.#limits = limits;
  }

  /**
   * Writes messages, and tells where, in their order. Throws {@link FrontError}: nothing was
   * written, except after 502, of which nobody knows.
   *
   * @returns also what settles when nothing of it is held any more, which may be later
   */
  async write(
    asked: readonly MessageToWrite[],
  ): Promise<{ readonly written: Promise<readonly Written[]>; readonly settled: Promise<unknown> }> {
    const deadlineMs = Date.now() + this.#limits.timeoutMs;
    const messages = await this.#assign(asked);
    const pieces = piecesOf(messages);
    const puts = pieces.map(async ({ messages: own, bytes, indexes }) => ({
      indexes,
      base: await this.#put(own, bytes, deadlineMs),
    }));
    const settled = Promise.allSettled(puts);
    const done = settled.then((results) => {
      const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
      if (failures.length > 0) throw overall(failures, pieces.length);
      const written: Written[] = [];
      for (const result of results) {
        if (result.status !== "fulfilled") continue;
        for (const [position, index] of result.value.indexes.entries()) {
          const { topic = "", partition = 0, timestamp = 0n } = messages[index] ?? {};
          const offset = Number(result.value.base) + position;
          written[index] = { topic, partition, offset, timestamp: Number(timestamp) };
        }
      }
      return written;
    });
    return { written: within(done, deadlineMs - Date.now()), settled };
  }

  async close(): Promise<void> {
    await this.#clients.close();
  }

  async #assign(asked: readonly MessageToWrite[]): Promise<readonly KafkaMessage[]> {
    const now = BigInt(Date.now());
    const choosers = new Map<string, ReturnType<Partitioner["chooser"]>>();
    for (const topic of new Set(asked.map((message) => message.topic)))
      choosers.set(topic, this.#partitioner.chooser(topic, await this.#catalogue.partitionsOf(topic)));
    return asked.map(({ topic, value, key, partition, timestamp, headers }) => {
      const keyBytes = key == null ? undefined : Buffer.from(key);
      return {
        topic,
        value: Buffer.from(value),
        ...(keyBytes === undefined ? {} : { key: keyBytes }),
        partition: choosers.get(topic)?.(partition ?? undefined, keyBytes) ?? 0,
        timestamp: timestamp == null ? now : BigInt(timestamp),
        headers: new Map(
          (headers ?? []).map((header) => [Buffer.from(header.key), Buffer.from(header.value)]),
        ),
      };
    });
  }

  async #put(messages: readonly KafkaMessage[], bytes: number, deadlineMs: number): Promise<bigint> {
    const [{ topic, partition } = { topic: "", partition: 0 }] = messages;
    const name = `${topic}:${partition}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new ProduceLane({
        send: async (batch, limitMs) => await this.#clients.send(batch, limitMs),
        now: Date.now,
        timeoutMs: this.#limits.timeoutMs,
      });
      this.#lanes.set(name, lane);
    }
    try {
      return await lane.put(messages, bytes, deadlineMs);
    } finally {
      // Behind the turn in which a lane takes what is next.
      const used = lane;
      setImmediate(() => {
        if (used.isIdle && this.#lanes.get(name) === used) this.#lanes.delete(name);
      });
    }
  }
}

/** By partition, in the order of the request, each small enough for a batch. */
function piecesOf(messages: readonly KafkaMessage[]): readonly Piece[] {
  const pieces: Piece[] = [];
  const open = new Map<string, Piece>();
  for (const [index, message] of messages.entries()) {
    const bytes = bytesOf(message);
    if (bytes > MESSAGE_BYTES_MAX)
      throw new FrontError(413, `message ${index} has ${bytes} bytes, more than ${MESSAGE_BYTES_MAX}`);
    const name = `${message.topic}:${message.partition}`;
    let piece = open.get(name);
    if (piece === undefined || piece.bytes + bytes > MESSAGE_BYTES_MAX) {
      piece = { messages: [], indexes: [], bytes: 0 };
      open.set(name, piece);
      pieces.push(piece);
    }
    piece.messages.push(message);
    piece.indexes.push(index);
    piece.bytes += bytes;
  }
  return pieces;
}

function bytesOf({ key, value, headers }: KafkaMessage): number {
  let bytes = RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  if (headers instanceof Map)
    for (const [name, content] of headers) bytes += HEADER_BYTES + name.length + content.length;
  return bytes;
}

/** A part that failed where another did not, or nobody knows of, makes the whole unknown. */
function overall(failures: readonly unknown[], pieces: number): FrontError {
  const [first] = failures;
  const known = failures.every((failure) => failure instanceof FrontError && failure.status !== 502);
  if (first instanceof FrontError && ((known && failures.length === pieces) || first.status === 502))
    return first;
  const reason = first instanceof Error ? first.message : String(first);
  return new FrontError(502, `a part may have been written, and another was not: ${reason}`, {
    cause: first,
  });
}

async function within<Value>(work: Promise<Value>, limitMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new FrontError(502, "whether it was written is unknown: Kafka took too long")),
      Math.max(0, limitMs),
    );
  });
  // Nobody looks at it any more when the time is over.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
