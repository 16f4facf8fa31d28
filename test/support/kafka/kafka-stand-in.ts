/** A record as it was appended. */
export interface StoredRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/**
 * What goes wrong with a request: it is refused, done without an answer, done twice, done after
 * all that comes until `release`, or never answered and never done.
 */
export type KafkaFault = "refused" | "answer lost" | "twice" | "late" | "hangs";

interface KafkaStandInOptions {
  /** Partitions by topic. */
  readonly topics: Readonly<Record<string, number>>;
  readonly username?: string;
  readonly password?: string;
  /** Records in one answer at most. */
  readonly fetchMax?: number;
}

interface Produced {
  readonly topic: string;
  readonly key?: string;
  readonly value: string;
  readonly headers?: StoredRecord["headers"];
}

type Topics = ReadonlyMap<string, readonly { from: number; records: StoredRecord[] }[]>;

/**
 * A REST front of Kafka in the dialect of `@upstash/kafka`, in memory: what is appended, fetched by
 * offset, and asked of offsets and topics. No groups: nobody here has one.
 */
export class KafkaStandIn {
  /** Faults of the next requests, in turn, by path. */
  readonly faults: { readonly path: string; readonly fault: KafkaFault }[] = [];
  readonly asked: string[] = [];
  readonly #options: KafkaStandInOptions;
  readonly #topics: Topics;
  readonly #late: (() => void)[] = [];

  constructor(options: KafkaStandInOptions) {
    this.#options = options;
    this.#topics = new Map(
      Object.entries(options.topics).map(([topic, partitions]) => [
        topic,
        Array.from({ length: partitions }, () => ({ from: 0, records: [] })),
      ]),
    );
  }

  /** What a partition holds. */
  records(topic: string, partition = 0): readonly StoredRecord[] {
    return this.#partition(topic, partition)?.records ?? [];
  }

  /** What all partitions of a topic hold, one after the other. */
  all(topic: string): readonly StoredRecord[] {
    return (this.#topics.get(topic) ?? []).flatMap(({ records }) => records);
  }

  /** Appends as a request would. Answers the place. */
  append({ topic, key, value, headers = [] }: Produced): { partition: number; offset: number } {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw new RangeError(`no topic ${topic}`);
    const partition = key === undefined ? 0 : hashOf(key) % partitions.length;
    const { from, records } = partitions[partition] ?? { from: 0, records: [] };
    const offset = from + records.length;
    records.push({ offset, timestamp: Date.now(), key: key ?? null, value, headers });
    return { partition, offset };
  }

  /** What retention does: everything before `offset` is gone. */
  forget(topic: string, partition: number, offset: number): void {
    const kept = this.#partition(topic, partition);
    if (kept === undefined) return;
    kept.records.splice(0, offset - kept.from);
    kept.from = offset;
  }

  /** Does what was late. */
  release(): void {
    for (const work of this.#late.splice(0)) work();
  }

  /** For whoever calls by `fetch`. */
  readonly fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
    this.answer(new Request(input, init));

  async answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    this.asked.push(path);
    const { username = "user", password = "password" } = this.#options;
    if (request.headers.get("authorization") !== `Basic ${btoa(`${username}:${password}`)}`)
      return failed(401, "Unauthorized");
    const text = await request.text();
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const [next] = this.faults;
    const fault = next !== undefined && path.startsWith(next.path) ? this.faults.shift()?.fault : undefined;
    if (fault === undefined) return this.#do(path, body);
    return this.#fail(fault, path, body, request.signal);
  }

  #fail(fault: KafkaFault, path: string, body: unknown, signal: AbortSignal): Response | Promise<Response> {
    if (fault === "refused") return failed(503, "no broker");
    if (fault === "hangs")
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    if (fault === "late") this.#late.push(() => void this.#do(path, body));
    else this.#do(path, body);
    return fault === "twice" ? this.#do(path, body) : failed(504, "no answer in time");
  }

  #do(path: string, body: unknown): Response {
    const [, command = "", argument = ""] = path.split("/");
    switch (command) {
      case "produce":
        return this.#produce((Array.isArray(body) ? body : [body]) as Produced[]);
      case "fetch":
        return this.#fetch(body as { topic: string; partition: number; offset: number });
      case "offsets":
        return this.#offsets(argument, body as { topic: string; partition: number }[]);
      case "topics":
        return Response.json(
          Object.fromEntries(Array.from(this.#topics, ([topic, of]) => [topic, of.length])),
        );
      default:
        return failed(404, `no ${command}`);
    }
  }

  #produce(messages: readonly Produced[]): Response {
    const unknown = messages.find(({ topic }) => !this.#topics.has(topic));
    if (unknown !== undefined) return failed(400, `no topic ${unknown.topic}`);
    return Response.json(
      messages.map((message) => ({ topic: message.topic, ...this.append(message), timestamp: Date.now() })),
    );
  }

  #fetch({ topic, partition, offset }: { topic: string; partition: number; offset: number }): Response {
    const kept = this.#partition(topic, partition);
    if (kept === undefined) return failed(400, `no partition ${partition} of ${topic}`);
    if (offset < kept.from || offset > kept.from + kept.records.length)
      return failed(400, "the offset is out of range");
    const { fetchMax = 500 } = this.#options;
    const found = kept.records.slice(offset - kept.from).slice(0, fetchMax);
    return Response.json(found.map((record) => ({ topic, partition, ...record })));
  }

  #offsets(when: string, places: readonly { topic: string; partition: number }[]): Response {
    return Response.json(
      places.flatMap(({ topic, partition }) => {
        const kept = this.#partition(topic, partition);
        if (kept === undefined) return [];
        const offset = when === "earliest" ? kept.from : kept.from + kept.records.length;
        return [{ topic, partition, offset }];
      }),
    );
  }

  #partition(topic: string, partition: number) {
    return this.#topics.get(topic)?.[partition];
  }
}

function failed(status: number, error: string): Response {
  return Response.json({ result: "Error", error, status }, { status });
}

/** Any hash does that spreads keys: readers ask the front where a key went. */
function hashOf(key: string): number {
  let hash = 7;
  for (const char of key) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 1_000_003;
  return hash;
}
