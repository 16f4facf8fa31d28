import { FrontError } from "../shared/front-error.ts";
import { reasonIn, refusalOf } from "./kafka-failure.ts";
import { ProduceTimeout, type KafkaMessage } from "./produce-clients.ts";

/** Below what a broker takes as one batch by default, 1,048,588 bytes, with what is around it. */
const BATCH_BYTES_MAX = 900_000;

/** What one request has for one partition, or a piece of it. */
interface Part {
  readonly messages: readonly KafkaMessage[];
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly resolve: (baseOffset: bigint) => void;
  readonly reject: (error: FrontError) => void;
}

interface LaneDeps {
  readonly send: (messages: readonly KafkaMessage[], limitMs: number) => Promise<bigint>;
  readonly now: () => number;
  /** How long a batch may take. */
  readonly timeoutMs: number;
}

/**
 * What waits for one partition.
 *
 * 1. One batch is under way at a time, so the order in which parts were put in is the order in
 *    which they are written, however often a batch is tried.
 * 2. What came meanwhile goes together in the next one.
 * 3. What Kafka refuses of several is tried part by part, so that nobody pays for a neighbour.
 */
export class ProduceLane {
  readonly #deps: LaneDeps;
  #waiting: Part[] = [];
  #isSending = false;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  get isIdle(): boolean {
    return !this.#isSending && this.#waiting.length === 0;
  }

  /**
   * Writes messages after all that were put in before.
   *
   * @returns the offset of the first. Throws {@link FrontError}: 503 if none was sent, 502 if
   *   nobody knows.
   */
  async put(messages: readonly KafkaMessage[], bytes: number, deadlineMs: number): Promise<bigint> {
    return await new Promise<bigint>((resolve, reject) => {
      this.#waiting.push({ messages, bytes, deadlineMs, resolve, reject });
      if (!this.#isSending) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isSending = true;
    // A turn later: what comes at once goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      if (batch.length > 0) await this.#write(batch);
    }
    this.#isSending = false;
  }

  #takeBatch(): readonly Part[] {
    const batch: Part[] = [];
    let bytes = 0;
    let taken = 0;
    for (const part of this.#waiting) {
      if (batch.length > 0 && bytes + part.bytes > BATCH_BYTES_MAX) break;
      taken += 1;
      if (part.deadlineMs <= this.#deps.now()) {
        part.reject(new FrontError(503, "not sent: Kafka is behind"));
        continue;
      }
      bytes += part.bytes;
      batch.push(part);
    }
    this.#waiting = this.#waiting.slice(taken);
    return batch;
  }

  async #write(batch: readonly Part[]): Promise<void> {
    try {
      let offset = await this.#deps.send(
        batch.flatMap(({ messages }) => messages),
        this.#deps.timeoutMs,
      );
      for (const { messages, resolve } of batch) {
        resolve(offset);
        offset += BigInt(messages.length);
      }
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== null && batch.length > 1) {
        for (const part of batch) await this.#write([part]);
        return;
      }
      const failure = refusal ?? (error instanceof FrontError ? error : unknown(error));
      for (const { reject } of batch) reject(failure);
    }
  }
}

function unknown(error: unknown): FrontError {
  const why = error instanceof ProduceTimeout ? error.message : reasonIn(error);
  return new FrontError(502, `whether it was written is unknown: ${why}`, { cause: error });
}
