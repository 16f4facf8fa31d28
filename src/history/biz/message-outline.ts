/** Names of fields that our messages have or had. Any other name may be somebody's id. */
const KNOWN_NAMES: ReadonlySet<string> = new Set([
  "type",
  "shard",
  "users",
  "states",
  "userId",
  "kind",
  "itemId",
  "cell",
  "version",
]);
const DEPTH_MAX = 5;
const MEMBERS_MAX = 8;
const LENGTH_MAX = 1_000;

/**
 * What a value looks like, without any value in it:
 * `{type: string(5), users: [1: [2: string(36), [1: string(8)]]]}`. It shows why a message can't be
 * read and can't show about whom it is.
 */
export function outlineOf(value: unknown): string {
  return describe(value, DEPTH_MAX).slice(0, LENGTH_MAX);
}

function describe(value: unknown, depth: number): string {
  if (value === null) return "null";
  if (typeof value === "string") return `string(${value.length})`;
  if (typeof value !== "object") return typeof value;
  if (Array.isArray(value))
    return `[${value.length}${membersOf(value as readonly unknown[], depth, (item) => describe(item, depth - 1))}]`;
  const members = Object.entries(value);
  return `{${members.length}${membersOf(members, depth, ([name, member]) => `${nameOf(name)}: ${describe(member, depth - 1)}`)}}`;
}

function membersOf<T>(members: readonly T[], depth: number, text: (member: T) => string): string {
  if (members.length === 0 || depth === 0) return "";
  const shown = members.slice(0, MEMBERS_MAX).map(text);
  if (members.length > MEMBERS_MAX) shown.push("…");
  return `: ${shown.join(", ")}`;
}

function nameOf(name: string): string {
  return KNOWN_NAMES.has(name) ? name : `name(${name.length})`;
}
