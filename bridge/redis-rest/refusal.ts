import type { RedisCommand } from "./redis-command.ts";

/*
 * All clients of the front share one connection. So no command may change what that connection is
 * (its database, its user, a transaction, a subscription), or hold it up for the others; and none
 * may end, halt or reconfigure the server, which belongs to whoever reaches it itself. An ACL can't
 * say this: HELLO, QUIT, RESET and AUTH pass any.
 */

const CHANGES_CONNECTION =
  "AUTH HELLO QUIT RESET SELECT MULTI EXEC DISCARD WATCH UNWATCH MONITOR SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE ASKING READONLY READWRITE SYNC PSYNC REPLCONF";
const BLOCKS =
  "BLPOP BRPOP BRPOPLPUSH BLMOVE BLMOVEM BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF MIGRATE SAVE";
const CHANGES_SERVER = "SHUTDOWN DEBUG FAILOVER REPLICAOF SLAVEOF MODULE PFDEBUG PFSELFTEST RESTORE-ASKING";
const REFUSED: ReadonlySet<string> = new Set(
  [CHANGES_CONNECTION, BLOCKS, CHANGES_SERVER].flatMap((names) => names.split(" ")),
);

/**
 * Of these only the subcommands that are named: a list of the harmful ones would have to grow with
 * Redis.
 */
const ALLOWED_SUBCOMMANDS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["CLIENT", new Set(["GETNAME", "HELP", "ID", "INFO", "LIST"])],
  // Not GET, which tells the server's password: with it whoever has the token could go past the
  // front.
  ["CONFIG", new Set(["HELP"])],
  ["ACL", new Set(["CAT", "HELP", "WHOAMI"])],
  ["SCRIPT", new Set(["EXISTS", "FLUSH", "HELP", "KILL", "LOAD"])],
]);

/** How many arguments an option of XREAD and XREADGROUP has. */
const READ_OPTIONS: ReadonlyMap<string, number> = new Map([
  ["COUNT", 1],
  ["GROUP", 2],
  ["NOACK", 0],
]);

/** Why a command is not sent to Redis, as an error's text, or null if it is. */
export function refusal({ name, args }: RedisCommand): string | null {
  const upper = name.toUpperCase();
  if (isOfEveryObject(name)) return `ERR unknown command '${name}'`;
  if (REFUSED.has(upper)) return `ERR ${upper} is not available over REST`;
  const allowed = ALLOWED_SUBCOMMANDS.get(upper);
  const [subcommand] = args;
  if (allowed !== undefined && subcommand !== undefined && !allowed.has(subcommand.toUpperCase())) {
    return `ERR ${upper} ${subcommand.toUpperCase()} is not available over REST`;
  }
  if ((upper === "XREAD" || upper === "XREADGROUP") && blocks(args))
    return `ERR ${upper} with BLOCK is not available over REST`;
  return null;
}

/**
 * ioredis looks a command's name up in plain objects. What it finds there of `__proto__` ends the
 * process, for everybody.
 */
function isOfEveryObject(name: string): boolean {
  return name in Object.prototype || name.toLowerCase() in Object.prototype;
}

/** A key, group or consumer may be called BLOCK, so options are walked as Redis does. */
function blocks(args: readonly string[]): boolean {
  for (let index = 0; index < args.length; index += 1) {
    const option = (args[index] ?? "").toUpperCase();
    if (option === "STREAMS") return false;
    if (option === "BLOCK") return true;
    index += READ_OPTIONS.get(option) ?? 0;
  }
  return false;
}
