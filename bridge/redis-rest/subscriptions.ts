import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Redis, ReplyError } from "ioredis";
import { EventStream } from "./event-stream.ts";
import { FrontError } from "../shared/front-error.ts";
import { connectionOptions, type RedisAddress } from "./redis-link.ts";

/** What a client listens to: a channel by its name, or all whose names match a pattern. */
export interface Topic {
  readonly kind: "subscribe" | "psubscribe";
  readonly name: string;
}

/**
 * Channels as server-sent events, each reader with a connection to Redis of its own, since a
 * subscribed one can do nothing else.
 *
 * When Redis is away the stream stays. What is published meanwhile is lost, as always with Redis;
 * `subscribe` is told anew when it goes on, so that a reader knows of the gap.
 */
export class Subscriptions {
  readonly #address: RedisAddress;
  readonly #max: number;
  readonly #open = new Set<EventStream>();

  constructor(address: RedisAddress, max: number) {
    this.#address = address;
    this.#max = max;
  }

  /** Streams until the reader goes. Throws {@link FrontError} where it can't begin. */
  async stream(
    { kind, name }: Topic,
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    if (this.#open.size >= this.#max)
      throw new FrontError(503, `ERR there are ${this.#max} subscriptions already`);
    const events = new EventStream(response, headers);
    this.#open.add(events);
    const redis = new Redis({ ...connectionOptions(this.#address), connectionName: "redis-rest-events" });
    // Redis being away shows in the link's state already, which is told once for all.
    redis.on("error", () => undefined);
    redis.on(
      "ready",
      () =>
        void subscribe(redis, { kind, name }).then(
          (count) => events.send(`${kind},${name},${String(count)}`),
          // Redis's refusal is for good, and asking again at once would only be refused again.
          (error) => (error instanceof ReplyError ? events.fail(error.message) : redis.disconnect(true)),
        ),
    );
    redis.on("messageBuffer", (channel: Buffer, message: Buffer) =>
      events.send(`message,${channel.toString()},${message.toString()}`),
    );
    redis.on("pmessageBuffer", (pattern: string, channel: Buffer, message: Buffer) =>
      events.send(`pmessage,${pattern},${channel.toString()},${message.toString()}`),
    );
    try {
      if (!response.destroyed) await once(response, "close");
    } finally {
      redis.disconnect();
      this.#open.delete(events);
    }
  }

  close(): void {
    for (const events of this.#open) events.end();
  }
}

async function subscribe(redis: Redis, { kind, name }: Topic): Promise<unknown> {
  return await (kind === "subscribe" ? redis.subscribe(name) : redis.psubscribe(name));
}
