import type { Unstable_Config } from "wrangler";
import { queueOperations } from "../../../testbed/cost/queue-operations.ts";
import type { Meters } from "./meters.ts";
import { ASSUMED_BYTES } from "./published-prices.ts";
import type { Stage } from "./stage.ts";

export type ConsumerConfig = Unstable_Config["queues"]["consumers"] extends (infer C)[] | undefined
  ? C
  : never;

interface QueueHostDeps {
  readonly name: string;
  readonly stage: Stage;
  readonly meters: Meters;
  /** Null where nobody reads it: its messages expire. */
  readonly consumer: {
    readonly config: ConsumerConfig;
    readonly run: (batch: object) => Promise<void>;
    readonly toDead: (body: unknown) => void;
  } | null;
}

interface Queued {
  readonly id: string;
  readonly body: unknown;
  readonly operations: number;
  readonly attempts: number;
}

const BATCH_DEFAULT = { size: 10, timeoutS: 5, retries: 3 } as const;

/** A queue and its consumer, by what the consumer's wrangler.toml says of batches and retries. */
export class QueueHost {
  readonly #deps: QueueHostDeps;
  #waiting: Queued[] = [];
  #sent = 0;
  #dropTimer: (() => void) | null = null;

  constructor(deps: QueueHostDeps) {
    this.#deps = deps;
  }

  send(given: unknown): void {
    const text = JSON.stringify(given);
    const operations = queueOperations(Buffer.byteLength(text) + ASSUMED_BYTES.messageAttributesBytes);
    this.#bill("writes", operations);
    this.#sent += 1;
    const id = `${this.#deps.name}-${this.#sent}`;
    // One that expires unread is deleted.
    if (this.#deps.consumer === null) this.#bill("expired deletes", operations);
    else this.#put({ id, body: JSON.parse(text) as unknown, operations, attempts: 1 });
  }

  #put(message: Queued): void {
    const { consumer, stage } = this.#deps;
    this.#waiting.push(message);
    if (this.#waiting.length >= (consumer?.config.max_batch_size ?? BATCH_DEFAULT.size)) this.#deliver();
    else
      this.#dropTimer ??= stage.time.after(
        (consumer?.config.max_batch_timeout ?? BATCH_DEFAULT.timeoutS) * 1_000,
        () => this.#deliver(),
      );
  }

  #deliver(): void {
    this.#dropTimer?.();
    this.#dropTimer = null;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length > 0) void this.#run(batch);
  }

  async #run(batch: readonly Queued[]): Promise<void> {
    const { consumer, name } = this.#deps;
    if (consumer === null) return;
    const retries = new Map<Queued, number>();
    const later = (message: Queued, options?: { readonly delaySeconds?: number }): void =>
      void retries.set(message, options?.delaySeconds ?? consumer.config.retry_delay ?? 0);
    const messages = batch.map((message) => ({
      id: message.id,
      body: message.body,
      attempts: message.attempts,
      ack: () => void retries.delete(message),
      retry: (options?: { readonly delaySeconds?: number }) => later(message, options),
    }));
    for (const { operations } of batch) this.#bill("reads", operations);
    await consumer.run({
      queue: name,
      messages,
      ackAll: () => retries.clear(),
      retryAll: () => batch.forEach((message) => later(message)),
    });
    for (const message of batch) this.#settle(message, retries.get(message));
  }

  #settle(message: Queued, retryInS: number | undefined): void {
    const { consumer, stage } = this.#deps;
    const isOver = message.attempts > (consumer?.config.max_retries ?? BATCH_DEFAULT.retries);
    if (retryInS !== undefined && !isOver) {
      stage.time.after(retryInS * 1_000, () => this.#put({ ...message, attempts: message.attempts + 1 }));
      return;
    }
    this.#bill("deletes", message.operations);
    if (retryInS !== undefined) consumer?.toDead(message.body);
  }

  #bill(what: string, operations: number): void {
    this.#deps.meters.add("queueOperations", operations, `${what} of ${this.#deps.name}`);
  }
}
