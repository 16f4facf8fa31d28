import { Command, Redis, ReplyError, type RedisOptions } from "ioredis";
import { FrontError } from "../shared/front-error.ts";
import type { RedisCommand } from "./redis-command.ts";
import type { RedisReply } from "./redis-reply.ts";

/**
 * A server that says nothing for so long while it owes an answer is given up, and whatever waits
 * with it.
 */
const SILENCE_MS_MAX = 10_000;
const RECONNECT_MS_MAX = 1_000;

/** Where redis-server is, and who we are to it. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/**
 * Leaves replies as they came. Others make an object of HGETALL's, whose keys are no bytes any
 * more.
 */
class RawCommand extends Command {
  override transformReply(reply: Buffer | Buffer[]): Buffer | Buffer[] {
    return reply;
  }
}

/**
 * What every connection to Redis has in common: the dialect knows RESP2 only, and integers must
 * keep their digits.
 */
export function connectionOptions({ host, port, username, password }: RedisAddress) {
  return {
    host,
    port,
    username,
    password,
    protocol: 2,
    stringNumbers: true,
    autoResubscribe: false,
    // What was sent may have been done, so it is never sent again: it fails when the connection
    // does, and tells that.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: (attempt: number) => Math.min(RECONNECT_MS_MAX, 50 * attempt),
  } satisfies RedisOptions;
}

/**
 * The connection that all commands share.
 *
 * 1. What is given in one call is written in one go, with nothing between: so a MULTI … EXEC is
 *    whole though others use the connection too.
 * 2. A command is sent at most once. Where its answer is lost, it may have been done.
 */
export class RedisLink {
  readonly #redis: Redis;
  #ping: Promise<boolean> | null = null;
  #isClosed = false;

  constructor(address: RedisAddress, onChange: (state: "ready" | "lost", why?: string) => void) {
    this.#redis = new Redis({
      ...connectionOptions(address),
      socketTimeout: SILENCE_MS_MAX,
      connectionName: "redis-rest",
    });
    let why: string | undefined;
    let ready: boolean | null = null;
    const change = (to: boolean): void => {
      if (ready === to || this.#isClosed) return;
      ready = to;
      onChange(to ? "ready" : "lost", why);
    };
    this.#redis.on("error", (error: Error) => (why = error.message));
    this.#redis.on("ready", () => change(true));
    this.#redis.on("close", () => change(false));
  }

  get ready(): boolean {
    return this.#redis.status === "ready" && this.#redis.stream.writable;
  }

  /**
   * What `keep` makes of their replies as they come, in order; an error of Redis or a lost answer
   * is a reply too. Throws {@link FrontError} if none was sent.
   */
  async send<Kept>(
    commands: readonly RedisCommand[],
    keep: (reply: RedisReply) => Kept,
  ): Promise<readonly Kept[]> {
    if (!this.ready) throw new FrontError(503, "ERR redis-server is not reachable");
    const { stream } = this.#redis;
    stream.cork();
    const replies = commands.map(async ({ name, args }) =>
      keep(await this.#write(new RawCommand(name, [...args], { replyEncoding: null }))),
    );
    stream.uncork();
    return await Promise.all(replies);
  }

  /**
   * Their replies after all of them were done together. Throws {@link FrontError} if they were not,
   * or nobody knows.
   */
  async transact(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
    const replies = await this.send(
      [{ name: "MULTI", args: [] }, ...commands, { name: "EXEC", args: [] }],
      asItIs,
    );
    const done = replies.at(-1);
    if (done instanceof FrontError) throw done;
    const [begun] = replies;
    // Without it the others were done one by one, and nobody may take them for discarded.
    if (begun instanceof Error && replies.slice(1, -1).some((reply) => !(reply instanceof Error)))
      throw new FrontError(
        502,
        `ERR MULTI was refused, and what followed was done without it: ${begun.message}`,
      );
    if (Array.isArray(done)) return done as readonly RedisReply[];
    const cause = replies.find((reply) => reply instanceof Error) ?? done;
    throw new FrontError(400, cause instanceof Error ? cause.message : "ERR the transaction was discarded");
  }

  /**
   * Whether Redis answers at all. Those who ask at once, with or without a token, cost it one PING.
   */
  async ping(): Promise<boolean> {
    this.#ping ??= this.send([{ name: "PING", args: [] }], asItIs)
      .then(([reply]) => reply instanceof Uint8Array)
      .catch(() => false)
      .finally(() => (this.#ping = null));
    return await this.#ping;
  }

  close(): void {
    this.#isClosed = true;
    this.#redis.disconnect();
  }

  async #write(command: Command): Promise<RedisReply> {
    try {
      return (await this.#redis.sendCommand(command)) as RedisReply;
    } catch (error) {
      if (error instanceof ReplyError) return error as Error;
      return new FrontError(
        502,
        "ERR the connection to redis-server was lost before it answered: whether this was done is unknown",
        {
          cause: error,
        },
      );
    }
  }
}

function asItIs(reply: RedisReply): RedisReply {
  return reply;
}
