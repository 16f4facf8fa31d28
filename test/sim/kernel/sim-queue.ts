import type { Kernel, SimProcess } from "./kernel.ts";
import { NO_TROUBLE } from "./trouble.ts";

interface QueueOptions {
  readonly kernel: Kernel;
  readonly name: string;
  /** Handles one message; throws to have it again. */
  readonly consume: (message: {
    readonly id: string;
    readonly body: unknown;
    readonly attempts: number;
  }) => Promise<void>;
  readonly bury: (message: {
    readonly id: string;
    readonly body: unknown;
    readonly attempts: number;
  }) => Promise<void>;
  readonly consumer: SimProcess;
  readonly retriesMax: number;
  readonly note: (event: "message delivered again" | "queue gave a message up") => void;
}

const VISIBILITY_MS = 30_000;
const RETRY_BASE_MS = 1_000;
const RETRY_MS_MAX = 300_000;
/** How late the second copy of a message may be. */
const DUPLICATE_MS_MAX = 120_000;

/** A message is to come again, and not before this time is over, in ms. */
export class AgainLater extends Error {
  readonly delayMs: number;

  constructor({ delaySeconds = 0 }: { readonly delaySeconds?: number } = {}) {
    super(`to be delivered again in ${delaySeconds} s`);
    this.delayMs = delaySeconds * 1_000;
  }
}

/**
 * A queue that promises little: at least once, in no order, to several consumers at once, and to
 * the dead-letter queue in the end.
 */
export class SimQueue {
  readonly #options: QueueOptions;
  #sent = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Answers the ids of the messages. */
  send(bodies: readonly unknown[]): readonly string[] {
    return bodies.map((body) => {
      this.#sent += 1;
      const id = `${this.#options.name}-${this.#sent}`;
      this.#plan(id, structuredClone(body), 1, 0);
      if (this.#options.kernel.chance(this.#options.kernel.trouble.duplicates))
        this.#plan(
          id,
          structuredClone(body),
          1,
          Math.floor(this.#options.kernel.random() ** 2 * DUPLICATE_MS_MAX),
        );
      return id;
    });
  }

  #plan(id: string, body: unknown, attempts: number, delayMs: number): void {
    const { kernel, name } = this.#options;
    kernel.after(
      delayMs + Math.floor(kernel.random() * 100),
      `${name} delivers ${id}, attempt ${attempts}`,
      () => this.#deliver(id, body, attempts),
    );
  }

  #deliver(id: string, body: unknown, attempts: number): void {
    if (this.#options.kernel.cap.holds("deliveries", () => this.#deliver(id, body, attempts))) return;
    const { kernel, consume, bury, consumer, retriesMax, note } = this.#options;
    const isDead = attempts > retriesMax + 1;
    // Who dies with a message in hand has it come again soon: that is another trouble.
    if (kernel.trouble === NO_TROUBLE) kernel.cap.delivered(id);
    if (attempts > 1) note(isDead ? "queue gave a message up" : "message delivered again");
    const { life } = consumer;
    let isDone = false;
    const again = (delayMs: number): void => {
      if (isDone) return;
      isDone = true;
      this.#plan(id, body, attempts + 1, delayMs);
    };
    // Whoever dies with a message in hand gives no sign; it comes again.
    kernel.after(VISIBILITY_MS, "", () => again(0));
    (isDead ? bury : consume)({ id, body, attempts }).then(
      () => {
        if (consumer.life === life) isDone = true;
      },
      (error: unknown) => {
        const askedMs = error instanceof AgainLater ? error.delayMs : null;
        if (consumer.life === life) again(askedMs ?? Math.min(RETRY_MS_MAX, RETRY_BASE_MS * 2 ** attempts));
      },
    );
  }
}
