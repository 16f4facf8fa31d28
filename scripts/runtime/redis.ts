import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { startFront, type Front } from "../../bridge/redis-rest/start-front.ts";
import { secretOfFile } from "../../bridge/shared/secret-file.ts";
import type { LaunchOptions } from "./options.ts";
import { INSTALL_HINT, isRedisInstalled, startRedisServer } from "./redis-server.ts";

interface RedisDeps {
  readonly say: (text: string) => void;
  readonly complain: (text: string) => void;
  readonly onDeath: (part: string) => void;
}

/** The front's, if it is free, so that its URL can be written down somewhere. */
const PORT_PREFERRED = 8079;

/** A Redis beside the platform, and what its workers are told of it. */
export interface RedisBeside {
  readonly stop: () => Promise<void>;
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** What values that are in this Redis have written down with them. */
const ENDPOINT = "local";

/**
 * The Redis that is asked for, or else the one that an earlier start has left in the state folder:
 * reports may still be there. That takes no new ones. Null where there is neither.
 */
export async function redisBeside(
  { state, redis, vars }: Pick<LaunchOptions, "state" | "redis" | "vars">,
  deps: RedisDeps,
): Promise<RedisBeside | null> {
  // Who names another one means that.
  const isOthers = vars["UPSTASH_REDIS_REST_URL"] !== undefined;
  if (redis) {
    const server = await startRedis(state, deps);
    return isOthers ? { ...server, vars: {}, secrets: {} } : server;
  }
  const dir = join(state, "redis");
  if (isOthers || !existsSync(dir)) return null;
  const left = `reports of an earlier start with --redis may be in ${dir}`;
  if (!isRedisInstalled()) {
    deps.complain(`${left}, and ${INSTALL_HINT}`);
    return null;
  }
  deps.say(`${left}: its Redis is started, and takes no new ones`);
  const server = await startRedis(state, deps);
  return { ...server, vars: { ...server.vars, HOT_STORE: "shard" } };
}

/**
 * A redis-server with its data in the state folder, and the REST front before it, as the history's
 * hot store; where none is installed only a line that says so. The server's password is the front's
 * token.
 */
async function startRedis(stateDir: string, { say, complain, onDeath }: RedisDeps): Promise<RedisBeside> {
  if (!isRedisInstalled()) {
    complain(`--redis: left out, ${INSTALL_HINT}`);
    return { stop: async () => undefined, vars: {}, secrets: {} };
  }
  const dir = join(stateDir, "redis");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const tokenFile = join(dir, "token");
  const token = secretOfFile(tokenFile);
  const server = await startRedisServer({ dir, password: token, onDeath: () => onDeath("redis-server") });
  try {
    const address = { host: "127.0.0.1", port: server.port, password: token };
    const tell = (line: string): void => void (line.endsWith("is ready") || complain(`redis-rest: ${line}`));
    const open = (port: number): Promise<Front> => startFront({ redis: address, token, port, tell });
    const front = await open(PORT_PREFERRED).catch(() => open(0));
    say(`redis-server runs on 127.0.0.1:${server.port}, its data is in ${dir}`);
    say(`its REST front for @upstash/redis on ${front.url}, the token (and password) is in ${tokenFile}`);
    return {
      stop: async () => {
        await front.close();
        await server.stop();
      },
      vars: { HOT_STORE: "redis", UPSTASH_REDIS_REST_URL: `${ENDPOINT}=${front.url}` },
      secrets: { UPSTASH_REDIS_REST_TOKEN: `${ENDPOINT}=${token}` },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
