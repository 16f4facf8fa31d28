import { Producer, type MessageToProduce } from "@platformatic/kafka";
import { FrontError } from "../shared/front-error.ts";
import { clientOptions, type KafkaAddress } from "./kafka-address.ts";

/** A message as Kafka takes it, with its partition already chosen. */
export type KafkaMessage = MessageToProduce & {
  readonly partition: number;
  readonly timestamp: bigint;
};

/** Batches that are under way at once; more wait for one of them. */
const CLIENTS_MAX = 32;
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
 * 1. Each has one batch under way. Two would share its numbering, which the library begins anew
 *    when either of them fails: the other could be numbered like one that was written before, and
 *    Kafka would ack it without writing it.
 * 2. One whose time is over is left for a new one, with its connections: nothing of it is sent any
 *    more, whatever happens later.
 */
export class ProduceClients {
  readonly #address: KafkaAddress;
  readonly #all = new Set<Producer>();
  /** Those used last are used next. */
  readonly #idle: Producer[] = [];
  /** A batch of a partition each. */
  #waiting: ((producer: Producer) => void)[] = [];
  #isClosed = false;

  constructor(address: KafkaAddress) {
    this.#address = address;
  }

  /**
   * Writes a batch of one partition.
   *
   * @returns the offset of its first message. Throws {@link FrontError} if none was sent.
   */
  async send(messages: readonly KafkaMessage[], limitMs: number): Promise<bigint> {
    const startedAtMs = performance.now();
    const producer = await this.#take(limitMs);
    const leftMs = Math.max(0, limitMs - (performance.now() - startedAtMs));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new ProduceTimeout(`not written within ${limitMs} ms`)), leftMs);
    });
    const sent = producer.send({ messages: [...messages] });
    try {
      const { offsets } = await Promise.race([sent, late]);
      const [first] = offsets ?? [];
      if (first === undefined) throw new Error("Kafka told no offset of what it has written");
      this.#giveBack(producer);
      return first.offset;
    } catch (error) {
      if (error instanceof ProduceTimeout) {
        sent.catch(() => undefined);
        await end(producer);
        this.#all.delete(producer);
        this.#waiting.shift()?.(this.#make());
      } else this.#giveBack(producer);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#all].map(end));
  }

  async #take(limitMs: number): Promise<Producer> {
    if (this.#isClosed) throw new FrontError(503, "not sent: the front stops");
    const free = this.#idle.pop() ?? (this.#all.size < CLIENTS_MAX ? this.#make() : undefined);
    if (free !== undefined) return free;
    const { promise, resolve, reject } = Promise.withResolvers<Producer>();
    this.#waiting.push(resolve);
    const timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((waiting) => waiting !== resolve);
      reject(new FrontError(503, "not sent: Kafka is behind"));
    }, limitMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #giveBack(producer: Producer): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(producer);
    else next(producer);
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
    this.#all.add(producer);
    return producer;
  }
}

/** Nothing that a connection still holds is sent: whether Kafka reads or not, it ends at once. */
async function end(producer: Producer): Promise<void> {
  const sockets = [...producer.connections].map(([, { socket }]) => socket);
  const closed = producer.close(true).catch(() => undefined);
  for (const socket of sockets) socket?.destroy();
  await closed;
}
