/** A Redis that is reached over REST. Its name is written down with each value that is there. */
export interface RedisEndpoint {
  readonly name: string;
  readonly url: string;
}

const NAMED = /^([a-z][a-z0-9]{0,15})=(.*)$/;
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;
/** The one that has no name. */
const MAIN = "main";
const ENDPOINTS_MAX = 64;
const TOKEN_LENGTH_MAX = 1_024;

/**
 * Reads `https://one.example`, or several as `main=https://one.example,b=https://other.example`.
 * Throws a `RangeError`.
 */
export function parseRedisEndpoints(text: string): readonly RedisEndpoint[] {
  if (text === "") return [];
  const endpoints = isHttp(text)
    ? [{ name: MAIN, url: text }]
    : named(text).map(({ name, value }) => ({ name, url: value }));
  if (endpoints.length > ENDPOINTS_MAX) throw new RangeError(`must be ${ENDPOINTS_MAX} at most`);
  for (const { name, url } of endpoints)
    if (!isSafe(url))
      throw new RangeError(`the endpoint ${name} must have an https URL, or http on this machine`);
  return endpoints;
}

/**
 * The token of each endpoint, from `token` where there is one endpoint without a name, or from
 * `main=token,b=token`. Throws a `RangeError` that has none of them.
 */
export function tokensOf(endpoints: readonly RedisEndpoint[], text: string): ReadonlyMap<string, string> {
  // A token without an endpoint is somebody else's.
  if (endpoints.length === 0) return new Map();
  const [only] = endpoints;
  const isPlain = endpoints.length === 1 && !text.startsWith(`${only?.name}=`);
  const tokens = new Map(
    isPlain ? [[only?.name ?? MAIN, text]] : named(text).map(({ name, value }) => [name, value]),
  );
  for (const { name } of endpoints) {
    const token = tokens.get(name) ?? "";
    if (!/^[\x21-\x7e]+$/.test(token) || token.length > TOKEN_LENGTH_MAX)
      throw new RangeError(`has none for the endpoint ${name}`);
  }
  return tokens;
}

function named(text: string): readonly { readonly name: string; readonly value: string }[] {
  const pairs = (text === "" ? [] : text.split(",")).map((part) => {
    const [, name = "", value = ""] = NAMED.exec(part) ?? [];
    if (name === "")
      throw new RangeError(
        "must be one value, or name=value separated by commas, with names like main or b2",
      );
    return { name, value };
  });
  if (new Set(pairs.map(({ name }) => name)).size < pairs.length) throw new RangeError("has a name twice");
  return pairs;
}

/** The token travels with each request: in the clear it leaves no machine. */
function isSafe(url: string): boolean {
  if (!isHttp(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || LOOPBACK.test(hostname);
}

function isHttp(text: string): boolean {
  try {
    const { protocol, username, password } = new URL(text);
    return /^https?:$/.test(protocol) && username === "" && password === "" && !text.includes(",");
  } catch {
    return false;
  }
}
