import { AUTHORIZATION } from "./own-kafka.ts";

const MESSAGES_A_REQUEST = 5;
const PAUSE_MS = 50;

interface Place {
  readonly partition: number;
  readonly offset: number;
}

interface Found extends Place {
  readonly value: string;
}

/**
 * Writers that each have a key: they send numbers in order, the next ones when those before are
 * acked, and what was not acked again.
 */
export class Traffic {
  readonly #url: string;
  readonly topic: string;
  readonly acked = new Map<string, Place>();
  /** Whose answer was not a success: they may be there twice. */
  readonly sentAgain = new Set<string>();
  readonly statuses = new Map<number, number>();
  #isStopping = false;
  #writers: Promise<unknown> = Promise.resolve();

  constructor(url: string, topic: string) {
    this.#url = url;
    this.topic = topic;
  }

  start(writers: number): void {
    this.#writers = Promise.all(Array.from({ length: writers }, (_, index) => this.#write(`key-${index}`)));
  }

  /** No answer is missing when this resolves. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#writers;
  }

  /** Everything in the topic, each partition in its order. */
  async read(partitions: number): Promise<readonly Found[]> {
    const found: Found[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      for (let offset = 0; ;) {
        const { status, body } = await this.#post("/fetch", {
          topic: this.topic,
          partition,
          offset,
          timeout: 300,
        });
        if (status !== 200) throw new Error(`fetch: ${status} ${JSON.stringify(body)}`);
        const messages = body as readonly Found[];
        if (messages.length === 0) break;
        found.push(...messages);
        offset = (messages.at(-1)?.offset ?? 0) + 1;
      }
    }
    return found;
  }

  async #write(key: string): Promise<void> {
    for (let number = 0; !this.#isStopping; number += MESSAGES_A_REQUEST) {
      const values = Array.from({ length: MESSAGES_A_REQUEST }, (_, index) => `${key}#${number + index}`);
      await this.#send(values.map((value) => ({ topic: this.topic, key, value })));
    }
  }

  async #send(messages: readonly { readonly value: string }[]): Promise<void> {
    while (true) {
      const { status, body } = await this.#post("/produce", messages);
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      if (status === 200) {
        for (const [index, { value }] of messages.entries()) {
          const place = (body as readonly Place[])[index];
          if (place !== undefined) this.acked.set(value, place);
        }
        return;
      }
      for (const { value } of messages) this.sentAgain.add(value);
      if (this.#isStopping) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Status 0: no answer. */
  async #post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }> {
    try {
      const response = await fetch(this.#url + path, {
        method: "POST",
        headers: { authorization: AUTHORIZATION },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      return { status: 0, body: null };
    }
  }
}

/** What has gone wrong with what was acked; empty if nothing has. */
export function wrongIn(traffic: Traffic, found: readonly Found[]): readonly string[] {
  const wrong: string[] = [];
  const at = new Map(found.map((message) => [`${message.partition}:${message.offset}`, message.value]));
  for (const [value, { partition, offset }] of traffic.acked) {
    const there = at.get(`${partition}:${offset}`);
    if (there !== value)
      wrong.push(`${value} was acked at ${partition}:${offset}, where ${there ?? "nothing"} is`);
  }
  const last = new Map<string, number>();
  const seen = new Set<string>();
  for (const { value } of found) {
    const [key = "", number = ""] = value.split("#");
    if (seen.has(value)) {
      if (!traffic.sentAgain.has(value)) wrong.push(`${value} is there twice`);
      continue;
    }
    seen.add(value);
    if (Number(number) !== (last.get(key) ?? -1) + 1)
      wrong.push(`${value} comes after ${last.get(key) ?? "nothing"}`);
    last.set(key, Number(number));
  }
  return wrong;
}
