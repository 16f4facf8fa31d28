import {
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  type GroupAssignment,
  type Message,
  type MessagesStream,
} from "@platformatic/kafka";
import { FrontError } from "../shared/front-error.ts";
import { CommittedConsumer } from "./committed-consumer.ts";
import { clientOptions, type KafkaAddress } from "./kafka-address.ts";
import { failureOf } from "./kafka-failure.ts";
import { limited } from "./limited.ts";
import { bytesOf, messageJson, type MessageJson } from "./message-json.ts";
import type { TopicPartitionOffset } from "./topic-partition.ts";

/** Others of the group take over what a bridge that died has held, after this. */
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 2_000;
const REBALANCE_TIMEOUT_MS = 15_000;
/** A broker that starts again is waited for. */
const TRIES_MAX = 30;
const TRY_DELAY_MS = 250;
const MESSAGES_MAX = 500;
const RESPONSE_BYTES_MAX = 1_048_576;
const FETCH_WAIT_MS = 1_000;
const COMMIT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 2_000;

export interface InstanceSettings {
  readonly groupId: string;
  readonly instanceId: string;
  readonly topics: readonly string[];
  /** Null: only when the client asks for it. */
  readonly autoCommitMs: number | null;
  readonly reset: "earliest" | "latest" | "none";
}

/** What one call was given: the client's when its answer has left, and else the next call's. */
export interface Handed {
  readonly messages: readonly MessageJson[];
  readonly delivered: () => void;
  readonly undelivered: () => void;
}

type GroupMessage = Message & {
  readonly metadata: { readonly consumer?: { readonly generationId?: number } };
};

const FALLBACK = {
  earliest: MessagesStreamFallbackModes.EARLIEST,
  latest: MessagesStreamFallbackModes.LATEST,
  none: MessagesStreamFallbackModes.FAIL,
} as const;

/**
 * One member of a group, for one client.
 *
 * 1. Only what a client was given is ever committed: as far as its answers have left, by itself
 *    after a while or when it is told to.
 * 2. Of a partition that stays ours no message is given twice and none is left out, whatever others
 *    in the group do.
 */
export class ConsumerInstance {
  readonly settings: InstanceSettings;
  readonly #consumer: CommittedConsumer;
  #stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | null = null;
  /** Since which generation of the group a partition has been ours, without a break. */
  #ours = new Map<string, number>();
  /** What comes next of a partition, for the client; for the group, once it is committed. */
  readonly #next = new Map<string, TopicPartitionOffset>();
  readonly #delivered = new Map<string, TopicPartitionOffset>();
  #putBack: MessageJson[] = [];
  #failure: FrontError | null = null;
  #isBusy = false;
  #usedAtMs = Date.now();
  #wake: () => void = () => undefined;
  readonly #committer: NodeJS.Timeout | undefined;
  readonly #onFailure: (failure: FrontError) => void;

  constructor(
    address: KafkaAddress,
    settings: InstanceSettings,
    {
      onFailure,
      onCommitFailure,
    }: {
      readonly onFailure: (failure: FrontError) => void;
      readonly onCommitFailure: (error: unknown) => void;
    },
  ) {
    this.settings = settings;
    this.#onFailure = onFailure;
    this.#consumer = new CommittedConsumer({
      ...clientOptions(address, settings.instanceId.replaceAll(/[^\w.-]/g, "_")),
      groupId: settings.groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      retries: TRIES_MAX,
      retryDelay: TRY_DELAY_MS,
    });
    this.#consumer.setMaxListeners(0);
    this.#consumer.on("error", (error: unknown) => this.#fail(error));
    this.#consumer.on("consumer:group:join", ({ generationId, assignments }) =>
      this.#assign(generationId ?? 0, assignments ?? []),
    );
    if (settings.autoCommitMs !== null) {
      this.#committer = setInterval(
        () => void this.#commit(null).catch(onCommitFailure),
        settings.autoCommitMs,
      );
      this.#committer.unref();
    }
    void this.#start();
  }

  get idleSinceMs(): number {
    return this.#isBusy ? Date.now() : this.#usedAtMs;
  }

  get assignments(): readonly GroupAssignment[] {
    return this.#consumer.assignments ?? [];
  }

  /** What has come since the last call; waits for something until the time is over. */
  async take(waitMs: number, stopping: AbortSignal): Promise<Handed> {
    if (this.#isBusy) throw new FrontError(409, "another call for this instance is under way");
    this.#isBusy = true;
    try {
      const deadlineMs = Date.now() + waitMs;
      let messages = this.#read();
      while (messages.length === 0 && Date.now() < deadlineMs && !stopping.aborted) {
        await this.#until(deadlineMs, stopping);
        if (this.#failure !== null) throw this.#failure;
        messages = this.#read();
      }
      return this.#hand(messages);
    } catch (error) {
      this.#isBusy = false;
      throw error;
    }
  }

  /** Commits offsets that the client names, or all that it was given. Throws {@link FrontError}. */
  async commit(named: readonly TopicPartitionOffset[] | null): Promise<void> {
    this.#usedAtMs = Date.now();
    await this.#commit(named);
  }

  /** Leaves the group, with what it was given committed if that is its way. */
  async close(): Promise<void> {
    clearInterval(this.#committer);
    const left = async (): Promise<void> => {
      if (this.settings.autoCommitMs !== null && this.#failure === null)
        await this.#commit(null).catch(() => undefined);
      this.#failure ??= new FrontError(409, "this instance was removed");
      this.#wake();
      await this.#consumer.close(true).catch(() => undefined);
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
    await Promise.race([left(), late]);
    clearTimeout(timer);
  }

  async #commit(named: readonly TopicPartitionOffset[] | null): Promise<void> {
    const offsets = named ?? [...this.#delivered.values()].filter((item) => this.#ours.has(keyOf(item)));
    if (offsets.length === 0) return;
    try {
      const committed = this.#consumer.commit({
        offsets: offsets.map(({ topic, partition, offset }) => ({
          topic,
          partition,
          offset: BigInt(offset),
          leaderEpoch: -1,
        })),
      });
      await limited(committed, COMMIT_TIMEOUT_MS);
    } catch (error) {
      throw failureOf(error);
    }
    for (const item of offsets)
      if (this.#delivered.get(keyOf(item)) === item) this.#delivered.delete(keyOf(item));
  }

  async #start(): Promise<void> {
    try {
      const stream = await this.#consumer.consume({
        topics: [...this.settings.topics],
        mode: MessagesStreamModes.COMMITTED,
        fallbackMode: FALLBACK[this.settings.reset],
        autocommit: false,
        maxBytes: RESPONSE_BYTES_MAX,
        maxWaitTime: FETCH_WAIT_MS,
        highWaterMark: MESSAGES_MAX,
      });
      stream.on("error", (error: unknown) => this.#fail(error));
      stream.on("readable", () => this.#wake());
      this.#stream = stream;
    } catch (error) {
      this.#fail(error);
    }
  }

  #assign(generation: number, assignments: readonly GroupAssignment[]): void {
    const before = this.#ours;
    const names = assignments.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => keyOf({ topic, partition })),
    );
    this.#ours = new Map(names.map((name) => [name, before.get(name) ?? generation]));
    for (const name of before.keys()) {
      if (this.#ours.has(name)) continue;
      this.#next.delete(name);
      this.#delivered.delete(name);
    }
    this.#putBack = this.#putBack.filter((message) => this.#ours.has(keyOf(message)));
  }

  #read(): readonly MessageJson[] {
    const messages = this.#putBack.splice(0, MESSAGES_MAX);
    let bytes = 0;
    while (messages.length < MESSAGES_MAX && bytes < RESPONSE_BYTES_MAX) {
      const message = this.#stream?.read() as GroupMessage | null | undefined;
      if (message == null) break;
      if (!this.#isNext(message)) continue;
      const { topic, partition, offset } = message;
      this.#next.set(keyOf(message), { topic, partition, offset: Number(offset) + 1 });
      const record = { ...message, headers: message.headerEntries };
      bytes += bytesOf(record);
      messages.push(messageJson(record));
    }
    return messages;
  }

  /** When partitions are shared out anew, the stream goes back to what is committed. */
  #isNext(message: GroupMessage): boolean {
    const since = this.#ours.get(keyOf(message));
    if (since === undefined || (message.metadata.consumer?.generationId ?? since) < since) return false;
    return Number(message.offset) >= (this.#next.get(keyOf(message))?.offset ?? 0);
  }

  #hand(messages: readonly MessageJson[]): Handed {
    let open = true;
    const settle = (then: () => void): void => {
      if (!open) return;
      open = false;
      this.#isBusy = false;
      this.#usedAtMs = Date.now();
      then();
    };
    return {
      messages,
      delivered: () =>
        settle(() => {
          for (const { topic, partition, offset } of messages)
            this.#delivered.set(keyOf({ topic, partition }), { topic, partition, offset: offset + 1 });
        }),
      undelivered: () =>
        settle(() => {
          const own = messages.filter((message) => this.#ours.has(keyOf(message)));
          this.#putBack = [...own, ...this.#putBack];
        }),
    };
  }

  /** Waits until something may have come, the time is over, or nobody waits any more. */
  async #until(deadlineMs: number, stopping: AbortSignal): Promise<void> {
    if (this.#failure !== null) return;
    const woken = Promise.withResolvers<void>();
    const timer = setTimeout(() => woken.resolve(), Math.max(0, deadlineMs - Date.now()));
    const wake = (): void => woken.resolve();
    this.#wake = wake;
    stopping.addEventListener("abort", wake, { once: true });
    await woken.promise;
    clearTimeout(timer);
    stopping.removeEventListener("abort", wake);
  }

  #fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = failureOf(error);
    this.#wake();
    this.#onFailure(this.#failure);
  }
}

function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}:${partition}`;
}
