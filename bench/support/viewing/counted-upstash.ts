type Command = readonly [name: string, ...given: string[]];

/** What is billed of a Redis at Upstash. */
export interface UpstashUsage {
  readonly commands: number;
  /** Bodies of requests and of answers, in bytes. */
  readonly bytes: number;
}

/**
 * As much of Upstash's REST API as a candidate uses, in memory, with a count of what its price list
 * counts: each command of a pipeline is one.
 */
export class CountedUpstash {
  readonly #hashes = new Map<string, Map<string, string>>();
  #commands = 0;
  #bytes = 0;

  get usage(): UpstashUsage {
    return { commands: this.#commands, bytes: this.#bytes };
  }

  readonly answer = async (request: Request): Promise<Response> => {
    if (!request.url.endsWith("/pipeline")) return new Response(null, { status: 404 });
    const asked = await request.text();
    const commands = JSON.parse(asked) as readonly Command[];
    const answered = JSON.stringify(commands.map((command) => ({ result: this.#run(command) })));
    this.#commands += commands.length;
    this.#bytes += Buffer.byteLength(asked) + Buffer.byteLength(answered);
    return new Response(answered, { headers: { "content-type": "application/json" } });
  };

  #run([name, key = "", ...given]: Command): unknown {
    const hash = this.#hashes.get(key) ?? new Map<string, string>();
    switch (name.toLowerCase()) {
      case "hset":
        this.#hashes.set(key, hash);
        for (let place = 0; place < given.length; place += 2)
          hash.set(given[place] ?? "", given[place + 1] ?? "");
        return given.length / 2;
      case "hmget":
        return given.map((field) => hash.get(field) ?? null);
      // Nobody reads the order here.
      case "zadd":
        return given.length / 2;
      default:
        throw new Error(`no candidate asks for ${name}`);
    }
  }
}
