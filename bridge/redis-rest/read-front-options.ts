import { parseArgs } from "node:util";
import type { RedisAddress } from "./redis-link.ts";
import { listenOptions } from "../shared/listen-options.ts";
import { secretOfFile } from "../shared/secret-file.ts";

export const USAGE = `node bridge/redis-rest/main.ts --token-file FILE [--redis redis://127.0.0.1:6379] [--host 127.0.0.1] [--port 8079]

  --token-file FILE  holds the token that clients send; made, readable by you only, if there is none
  --redis URL        redis://[user:password@]host[:port]
  --host, --port     where to listen; port 0 picks a free one

Environment: REDIS_REST_TOKEN instead of the file, and REDIS_URL instead of --redis, since every user of the machine can read arguments.`;

/** What the command line and the environment tell. Throws an error for the user to read. */
export function readFrontOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      redis: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8079" },
      "token-file": { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return {
    help: values.help,
    ...listenOptions(values),
    redis: readAddress(values.redis ?? environment["REDIS_URL"] ?? "redis://127.0.0.1:6379"),
    token: (): string => readToken(values["token-file"], environment),
  };
}

function readAddress(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "redis:" || url.hostname === "" || !/^\/?$/.test(url.pathname))
    throw new RangeError("--redis must be redis://[user:password@]host[:port]");
  const of = (part: string): string | undefined => (part === "" ? undefined : decodeURIComponent(part));
  // A URL has an IPv6 address in brackets; nothing else does.
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 6379),
    username: of(url.username),
    password: of(url.password),
  };
}

function readToken(
  file: string | undefined,
  { REDIS_REST_TOKEN }: Readonly<Record<string, string | undefined>>,
): string {
  if (file !== undefined) return secretOfFile(file);
  if (REDIS_REST_TOKEN === undefined) throw new RangeError("--token-file or REDIS_REST_TOKEN must be given");
  return REDIS_REST_TOKEN;
}
