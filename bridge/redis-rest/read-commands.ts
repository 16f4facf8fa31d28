import { FrontError } from "../shared/front-error.ts";
import type { RedisCommand } from "./redis-command.ts";

/**
 * Numbers that JSON.parse may give back otherwise than they were written: with many digits, a
 * fraction, an exponent, or the sign of a zero.
 */
const FRAGILE_NUMBER = /\d{16}|\d[.eE]|-0/;

/** One command from a request's body, `["SET","k","v","px",5000]`. Throws {@link FrontError}. */
export function readCommand(body: Uint8Array): RedisCommand {
  return toCommand(parse(body));
}

/** Several from `[[…],[…]]`. Throws {@link FrontError}. */
export function readCommands(body: Uint8Array): readonly RedisCommand[] {
  const value = parse(body);
  if (!Array.isArray(value) || value.length === 0)
    throw new FrontError(400, "ERR the body must be a JSON array of commands, at least one");
  return value.map(toCommand);
}

function parse(body: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    return FRAGILE_NUMBER.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch (cause) {
    throw new FrontError(400, "ERR the body is not JSON in UTF-8", { cause });
  }
}

/** A number as it was written: 9007199254740993 must not become 9007199254740992 on its way. */
function keepDigits(_key: string, value: unknown, { source }: { readonly source?: string } = {}): unknown {
  return typeof value === "number" ? (source ?? value) : value;
}

function toCommand(value: unknown): RedisCommand {
  if (!Array.isArray(value)) throw new FrontError(400, "ERR a command must be a JSON array");
  const [name, ...args] = value.map(toText);
  if (name === undefined || name === "") throw new FrontError(400, "ERR a command needs a name");
  return { name, args };
}

function toText(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string")
    throw new FrontError(400, "ERR a command holds only strings, numbers and booleans");
  // Half a surrogate pair has no bytes: something else would be stored in its place.
  if (!value.isWellFormed())
    throw new FrontError(400, "ERR a string holds half a surrogate pair, which has no UTF-8");
  return value;
}
