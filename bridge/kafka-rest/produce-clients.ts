import { Producer, type MessageToProduce } from "@platformatic/kafka";
import { clientOptions, type KafkaAddress } from "./kafka-address.ts";

/** A message as Kafka takes it, with its partition already chosen. */
export type KafkaMessage = MessageToProduce & {
  readonly partition: number;
  readonly timestamp: bigint;
};

/**
 * Each has one request under way, as an idempotent one must: several, so that partitions needn't
 * wait for each other's answers.
 */
const CLIENTS = 4;
/** Tried until the time is over: what is tried again is told by its sequence, and written once. */
const TRIES_MAX = 1_000;
const RETRY_DELAY_MS_MAX = 500;

/** The time for a batch is over: whether it was written is unknown. */
export class ProduceTimeout extends Error {
  override readonly name = "ProduceTimeout";
}

/**
 * Idempotent producers, acks all.
 *
 * 1. What goes to one partition goes through one of them, so in the order in which it is sent.
 * 2. One whose time is over is left for a new one, with its connections: nothing of it is sent any
 *    more, whatever happens later.
 */
export class ProduceClients {
  readonly #address: KafkaAddress;
  readonly #slots: (Producer | undefined)[] = Array.from({ length: CLIENTS });

  constructor(address: KafkaAddress) {
    this.#address = address;
  }

  /**
   * Writes a batch of one partition.
   *
   * @returns the offset of its first message
   */
  async send(messages: readonly KafkaMessage[], slot: number, limitMs: number): Promise<bigint> {
    const index = slot % CLIENTS;
    const producer = (this.#slots[index] ??= this.#make());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new ProduceTimeout(`not written within ${limitMs} ms`)), limitMs);
    });
    const sent = producer.send({ messages: [...messages] });
    try {
      const { offsets } = await Promise.race([sent, late]);
      const [first] = offsets ?? [];
      if (first === undefined) throw new Error("Kafka told no offset of what it has written");
      return first.offset;
    } catch (error) {
      if (error instanceof ProduceTimeout) {
        if (this.#slots[index] === producer) this.#slots[index] = undefined;
        sent.catch(() => undefined);
        await producer.close(true).catch(() => undefined);
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#slots.map(async (producer) => await producer?.close(true).catch(() => undefined)),
    );
  }

  #make(): Producer {
    const producer = new Producer({
      ...clientOptions(this.#address, "producer"),
      idempotent: true,
      retries: TRIES_MAX,
      retryDelay: (_client: unknown, _operation: string, attempt: number) =>
        Math.min(RETRY_DELAY_MS_MAX, 20 * 2 ** Math.min(attempt, 10)),
      // What is sent is tried again under its own number, never under a new one.
      repeatOnStaleMetadata: true,
    });
    // One listener for each batch that waits for its next try.
    producer.setMaxListeners(0);
    return producer;
  }
}
