import { FrontError } from "../shared/front-error.ts";
import type { KafkaAddress } from "./kafka-address.ts";
import { failureOf } from "./kafka-failure.ts";
import { limited } from "./limited.ts";
import type { MessageJson } from "./message-json.ts";
import { PartitionReader } from "./partition-reader.ts";
import type { TopicPartitionOffset } from "./topic-partition.ts";

const IDLE_MS_MAX = 60_000;
const LOOK_MS = 10_000;
/** Beyond what a client wants to wait for something to come. */
const ANSWER_MS_MAX = 5_000;

/** Readers, as many as there are requests at once, up to a bound; closed when nobody needs them. */
export class PartitionReaders {
  readonly #address: KafkaAddress;
  readonly #max: number;
  #idle: { readonly reader: PartitionReader; readonly sinceMs: number }[] = [];
  #busy = 0;
  #closed = false;
  readonly #reaper: NodeJS.Timeout;

  constructor(address: KafkaAddress, max: number) {
    this.#address = address;
    this.#max = max;
    this.#reaper = setInterval(() => this.#reap(Date.now() - IDLE_MS_MAX), LOOK_MS);
    this.#reaper.unref();
  }

  /** Throws {@link FrontError}. */
  async read(from: readonly TopicPartitionOffset[], waitMs: number): Promise<readonly MessageJson[]> {
    if (this.#busy >= this.#max) throw new FrontError(503, `${this.#max} fetches are under way already`);
    this.#busy += 1;
    const reader = this.#idle.pop()?.reader ?? new PartitionReader(this.#address);
    try {
      const messages = await limited(reader.read(from, waitMs), waitMs + ANSWER_MS_MAX);
      if (this.#closed) await reader.close();
      else this.#idle.push({ reader, sinceMs: Date.now() });
      return messages;
    } catch (error) {
      // Its connections may be what is wrong with it.
      void reader.close();
      throw failureOf(error);
    } finally {
      this.#busy -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#reaper);
    await Promise.all(this.#idle.splice(0).map(({ reader }) => reader.close()));
  }

  /** Those used last are used next, so the first ones have waited longest. */
  #reap(beforeMs: number): void {
    const tired = this.#idle.filter(({ sinceMs }) => sinceMs < beforeMs);
    this.#idle = this.#idle.filter(({ sinceMs }) => sinceMs >= beforeMs);
    for (const { reader } of tired) void reader.close();
  }
}
