/** Dice of a fuzz: the same numbers for the same seed. */
export type Random = () => number;

export function pick<T>(random: Random, from: readonly T[]): T {
  const one = from[Math.floor(random() * from.length)];
  if (one === undefined) throw new RangeError("there is nothing to pick from");
  return one;
}

export const chance = (random: Random, part: number): boolean => random() < part;
export const integer = (random: Random, below: number): number => Math.floor(random() * below);

const ODD_NUMBERS: readonly unknown[] = [null, true, 0, -1, 1.5, 1e308, -0, 2 ** 53, 2 ** 31];
const ODD_TEXTS: readonly unknown[] = [
  "",
  " ",
  ".",
  "..",
  "\u0000",
  "\uFFFD",
  "\uD800",
  "ä€😀",
  "true",
  "1e3",
  "__proto__",
  "constructor",
  "' OR 1=1 --",
];
const LONG_TEXTS: readonly unknown[] = [
  "${x}",
  "<script>",
  "a".repeat(70),
  "9".repeat(400),
  "0190a1b2-0000-7000-8000-000000000001",
];
const ODD_SHAPES: readonly unknown[] = [[], {}, [[]], [null], { a: { b: { c: [] } } }];
/** What stands where something else should. */
const ODD: readonly unknown[] = [...ODD_NUMBERS, ...ODD_TEXTS, ...LONG_TEXTS, ...ODD_SHAPES];

export const oddValue = (random: Random): unknown => pick(random, ODD);

/** The value with one of its leaves, members or items replaced, left out, added or doubled. */
export function bent(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || chance(random, 0.15)) return oddValue(random);
  if (Array.isArray(value)) {
    const at = integer(random, value.length);
    if (chance(random, 0.3)) return [...value, oddValue(random)];
    if (chance(random, 0.2)) return Array.from({ length: integer(random, 130) }, () => value[at] as unknown);
    return value.map((item: unknown, index) => (index === at ? bent(item, random) : item));
  }
  const members = Object.entries(value);
  if (members.length === 0 || chance(random, 0.2))
    return { ...value, [pick(random, ["extra", "__proto__", "at", "sentAt", "kind", ""])]: oddValue(random) };
  const [name, member] = pick(random, members);
  const rest = Object.fromEntries(members.filter(([other]) => other !== name));
  return chance(random, 0.25) ? rest : { ...rest, [name]: bent(member, random) };
}

const SEGMENTS = [
  "",
  ".",
  "..",
  "%2e%2e",
  "%2F",
  "%00",
  "%zz",
  "%",
  "%C3%A4",
  "a;b=c",
  "{x}",
  "*",
  "'",
  "(",
  "x".repeat(300),
  "-1",
  "null",
  "..%5c",
  "a|b",
  "^",
];

/**
 * Anything that may stand in a path's segment, or may not and is sent all the same. Visible ASCII
 * only: the runtime itself refuses the rest.
 */
export const oddSegment = (random: Random): string => pick(random, SEGMENTS);

const QUERIES = [
  "limit=0",
  "limit=101",
  "limit=x",
  "limit=1&limit=2",
  "limit=",
  "cursor=x",
  "cursor=%00",
  "cursor=%zz",
  `cursor=${"z".repeat(7_000)}`,
  "kind=..",
  "kind=VIDEO",
  "fields=a,b",
  "fields=items,nextCursor",
  "fields=",
  "fields=*",
  "fields=items.kind",
  `fields=${"a,".repeat(3_000)}a`,
  "ledger=none",
  "status=settled",
  "after=-1",
  "after=9e99",
  "client=nobody",
  "&&&",
  "=",
  "a=b=c",
  "?",
  "%",
  "x[]=1",
  "__proto__=1",
  "since=",
  "limit=1e1",
  "ledger=savings",
  "source=wallet",
];

export const oddQuery = (random: Random): string => pick(random, QUERIES);

/**
 * Header fields with values that are odd, wrong, or odd and right. All of them are visible ASCII,
 * blanks and tabs.
 */
const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ...["short", "client-1234_ABCD", "x".repeat(65), ""].map((value) => ["X-Request-Id", value] as const),
  ...["tv", "TV", "watch", "tv, phone", ""].map((value) => ["X-Client-Kind", value] as const),
  ...[
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-x",
    "00--",
    "ff",
  ].map((value) => ["traceparent", value] as const),
  ...["foo=1,bar=2", "=", ",,,", `k=${"v".repeat(300)}`].map((value) => ["tracestate", value] as const),
  ...["60000", "soon", "0", "-1", "60000;a=b", "1e9", "99999999999999999999"].map(
    (value) => ["X-Request-Timeout-Ms", value] as const,
  ),
  ...["1M", "90S", "x", "", "99999999H"].map((value) => ["grpc-timeout", value] as const),
  ...['"a";b=c', "two words", '"', "k".repeat(129), '"\\"', "plain"].map(
    (value) => ["Idempotency-Key", value] as const,
  ),
  ...["192.0.2.7", "2001:db8::1", "::", ":::::::::", "x", "1".repeat(70), "fe80::1%eth0"].map(
    (value) => ["CF-Connecting-IP", value] as const,
  ),
  ...["https://app.example.com", "null", "x"].map((value) => ["Origin", value] as const),
  ...["gzip, br", "identity;q=0", "*"].map((value) => ["Accept-Encoding", value] as const),
  ["Range", "bytes=0-1"],
  ["If-None-Match", "*"],
  ["Accept", "text/html"],
  ["X-Internal-Token", "a.b.c"],
  ["X-Deadline-Ms", "-5"],
  ["X-Hurried", "1"],
  ["X-Attempt", "x"],
  ["X-User-Id", "root"],
  ["Cookie", "a=b; c"],
  ["X-HTTP-Method-Override", "DELETE"],
  ["X-Long", "y".repeat(4_000)],
];

export const oddHeader = (random: Random): readonly [name: string, value: string] => pick(random, HEADERS);

const TYPES = [
  "application/json; charset=utf-8",
  "APPLICATION/JSON",
  "application/json;x",
  "text/plain",
  "",
  "application/jsonp",
  "multipart/form-data; boundary=x",
];
export const oddType = (random: Random): string => pick(random, TYPES);

const HOSTS = [
  "a b",
  "[::1",
  "a:99999",
  "%zz",
  "a%2fb",
  "user@host",
  "..",
  "a\\b",
  "x?y",
  "a#b",
  "a/b/c",
  "xn--",
  "[::1]:80",
  "localhost",
  "EXAMPLE.com.",
  "a\tb",
];
export const oddHost = (random: Random): string => pick(random, HOSTS);

/** Those that the runtime knows: it answers others itself. */
const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "OPTIONS",
  "TRACE",
  "PROPFIND",
  "QUERY",
  "SEARCH",
  "COPY",
  "LOCK",
  "REPORT",
  "PURGE",
];
export const oddMethod = (random: Random): string => pick(random, METHODS);

const TOKENS = [
  "Bearer a.b.c",
  "bearer ",
  "Basic YTpi",
  "Bearer",
  `Bearer ${"a".repeat(5_000)}`,
  "Bearer a b",
  "",
];
export const oddAuthorization = (random: Random): string => pick(random, TOKENS);

/** A body that is no JSON, or none that anybody wants. */
export function oddBody(random: Random): Buffer {
  const kind = integer(random, 9);
  if (kind === 0)
    return Buffer.from(Array.from({ length: integer(random, 200) }, () => integer(random, 256)));
  if (kind === 1) return Buffer.from([0x22, 0xff, 0xfe, 0x22]);
  if (kind === 2) return Buffer.from("[".repeat(20_000));
  if (kind === 3) return Buffer.from(`{"a":"${"x".repeat(70_000)}"}`);
  if (kind === 4) return Buffer.from('{"a":1,"a":2');
  if (kind === 5) return Buffer.from("");
  if (kind === 6) return Buffer.from("\uFEFF{}");
  if (kind === 7) return Buffer.from("NaN");
  return Buffer.from(JSON.stringify(oddValue(random)) ?? "undefined");
}
