import { Admission } from "../shared/admission.ts";
import { openDoor, type Door } from "../shared/http-door.ts";
import { bearerCheck } from "./bearer-token.ts";
import { handle, WORDS, type FrontParts } from "./front-handler.ts";
import { RedisLink, type RedisAddress } from "./redis-link.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface FrontOptions {
  readonly redis: RedisAddress;
  readonly token: string;
  /** Where it listens: 127.0.0.1 if absent. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly limits?: Partial<FrontLimits>;
  /** Hears when redis-server comes and goes, and of bugs. */
  readonly tell: (line: string) => void;
}

export interface FrontLimits {
  readonly bodyBytesMax: number;
  readonly replyBytesMax: number;
  readonly heldBytesMax: number;
  readonly commandsMax: number;
  readonly subscriptionsMax: number;
  readonly connectionsMax: number;
}

const LIMITS: FrontLimits = {
  bodyBytesMax: 10_000_000,
  replyBytesMax: 100_000_000,
  heldBytesMax: 200_000_000,
  commandsMax: 20_000,
  subscriptionsMax: 200,
  connectionsMax: 2_000,
};
const CLOSE_TIMEOUT_MS = 2_000;

/** A front that listens. */
export interface Front {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/**
 * Puts the REST dialect before a redis-server, whether or not that is up already. Throws where the
 * port is taken or the token too short.
 */
export async function startFront({
  redis,
  token,
  host = "127.0.0.1",
  port,
  limits,
  tell,
}: FrontOptions): Promise<Front> {
  const { commandsMax, heldBytesMax, subscriptionsMax, connectionsMax, ...bytes } = { ...LIMITS, ...limits };
  const isAuthorized = bearerCheck(token);
  const door = await openDoor({ host, port, connectionsMax });
  const link = new RedisLink(redis, (state, why) =>
    tell(
      `redis-server at ${redis.host}:${redis.port} is ${state}${why === undefined || state === "ready" ? "" : `: ${why}`}`,
    ),
  );
  const parts: FrontParts = {
    ...bytes,
    link,
    isAuthorized,
    subscriptions: new Subscriptions(redis, subscriptionsMax),
    admission: new Admission({ itemsMax: commandsMax, bytesMax: heldBytesMax }, WORDS),
    onBug: (error) =>
      tell(`a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  };
  door.server.on("request", (request, response) => void handle(parts, request, response));
  return { url: door.url, close: () => close(door, parts) };
}

/**
 * What is being answered is answered, which the connection's own limit on silence bounds; then
 * Redis is left.
 */
async function close(door: Door, { subscriptions, link }: FrontParts): Promise<void> {
  subscriptions.close();
  await door.close(CLOSE_TIMEOUT_MS);
  link.close();
}
