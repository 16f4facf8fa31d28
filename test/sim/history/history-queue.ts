import type { JobProcess } from "./history-job.ts";
import type { Counters } from "./history-counters.ts";
import { SimProcess, type Kernel } from "../kernel/kernel.ts";
import { AgainLater, SimQueue } from "../kernel/sim-queue.ts";
import { NO_TROUBLE } from "../kernel/trouble.ts";

/** In the words of the worker's wrangler.toml, which `test/config.test.ts` holds it to. */
export const FLUSH_CONSUMER = {
  queue: "playhead-history-flush",
  max_batch_size: 20,
  max_batch_timeout: 1,
  max_retries: 5,
  dead_letter_queue: "playhead-history-flush-dead",
} as const;
const { queue: QUEUE, dead_letter_queue: DEAD_LETTERS, max_batch_size: BATCH_MAX } = FLUSH_CONSUMER;
const BATCH_WAIT_MS = FLUSH_CONSUMER.max_batch_timeout * 1_000;

interface Delivery {
  readonly id: string;
  readonly body: unknown;
  readonly attempts: number;
  readonly ack: () => void;
  readonly retry: (error: Error) => void;
}

type Consume = (batch: MessageBatch) => Promise<void>;

/**
 * The flush queue with its dead letters, delivered in batches to whichever consumer comes, in
 * parallel.
 */
export class HistoryQueue {
  readonly #kernel: Kernel;
  readonly #consumers: readonly JobProcess[];
  readonly #consumerOf: (process: JobProcess) => Consume;
  readonly #queue: SimQueue;
  readonly #waiting = new Map<string, Delivery[]>();

  constructor(
    kernel: Kernel,
    consumers: readonly JobProcess[],
    consumerOf: (process: JobProcess) => Consume,
    hardship: { readonly drops: number },
    counters: Counters,
  ) {
    this.#kernel = kernel;
    this.#consumers = consumers;
    this.#consumerOf = consumerOf;
    this.#queue = new SimQueue({
      kernel,
      name: "flush",
      consume: (message) => {
        const isDropped = kernel.chance(hardship.drops);
        if (isDropped) counters.note("message given up");
        return this.#deliver(isDropped ? DEAD_LETTERS : QUEUE, message);
      },
      bury: (message) => this.#deliver(DEAD_LETTERS, message),
      note: (event) => counters.note(event === "message delivered again" ? event : "message given up"),
      // Who dies with a message in hand never answers for it; the queue itself does not die.
      consumer: new SimProcess("queue"),
      retriesMax: FLUSH_CONSUMER.max_retries,
    });
  }

  send(bodies: readonly object[]): void {
    this.#queue.send(bodies);
  }

  #deliver(
    queue: string,
    message: { readonly id: string; readonly body: unknown; readonly attempts: number },
  ): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const batch = this.#waiting.get(queue) ?? [];
      batch.push({ ...message, ack: resolve, retry: reject });
      if (batch.length > 1) return;
      this.#waiting.set(queue, batch);
      this.#kernel.after(Math.floor(this.#kernel.random() * BATCH_WAIT_MS), "", () => this.#hand(queue));
    });
  }

  /** Hands what waits to consumers, batch by batch. */
  #hand(queue: string): void {
    const waiting = this.#waiting.get(queue) ?? [];
    this.#waiting.delete(queue);
    for (let from = 0; from < waiting.length; from += BATCH_MAX) {
      const process = this.#kernel.pick(this.#consumers);
      const { life } = process;
      const deliveries = waiting.slice(from, from + BATCH_MAX);
      const alive = (then: () => void) => (): void => {
        if (process.life === life) then();
      };
      const { cap, trouble } = this.#kernel;
      const isCapAlone = cap.isOn && trouble === NO_TROUBLE;
      const messages = deliveries.map(({ id, body, attempts, ack, retry }) => ({
        id,
        body,
        attempts,
        timestamp: new Date(this.#kernel.nowMs),
        ack: alive(ack),
        // In other worlds the queue's own pauses do: they are as long, and drawn from nothing.
        retry: (options?: { readonly delaySeconds?: number }) =>
          alive(() => {
            const later = new AgainLater(options);
            if (isCapAlone) cap.broughtAgain(later.delayMs);
            retry(cap.beganAtMs === null ? new Error("to be delivered again") : later);
          })(),
      }));
      this.#consumerOf(process)({ queue, messages } as unknown as MessageBatch).catch((error: Error) => {
        // What throws out of the consumer is retried as a whole.
        for (const { retry } of deliveries) alive(() => retry(error))();
      });
    }
  }
}
