import type { Principal } from "../contracts/call-context.ts";

/** Where there is no address: a gateway that is called from its own machine. */
const LOCAL = "local";
const ADDRESS_LENGTH_MAX = 64;
const IPV6_PREFIX_GROUPS = 4;
/** A site's (RFC 6177): what is given to a customer at most, and to a carrier's region. */
const IPV6_NETWORK_GROUPS = 3;
const GROUPS = 8;
const GROUP_BITS = 16;
/** RFC 4291, 2.5.5.2: all of IPv4 lies in one such prefix. */
const IPV4_IN_IPV6 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/;

/**
 * Whose quota a request counts against: the user's or, where each has its own, the session's; or
 * else the address it comes from.
 */
export function clientKeyOf(principal: Principal | null, headers: Headers, isOfSession = false): string {
  if (principal === null) return `address:${clientAddressOf(headers)}`;
  return isOfSession ? `session:${principal.sessionId}` : `user:${principal.userId}`;
}

/**
 * The address a request comes from, as Cloudflare's edge saw it. Of an IPv6 address the first 64
 * bits: one subscriber has all the rest, and would otherwise be as many clients as they like.
 */
export function clientAddressOf(headers: Headers): string {
  const address = addressIn(headers);
  return address.includes(":") ? prefixOf(address, IPV6_PREFIX_GROUPS) : address;
}

/**
 * The key of the /48 that an IPv6 address lies in; null for IPv4, whose addresses are dear enough.
 */
export function networkKeyOf(headers: Headers): string | null {
  const address = addressIn(headers);
  return address.includes(":") ? `address:${prefixOf(address, IPV6_NETWORK_GROUPS)}` : null;
}

function addressIn(headers: Headers): string {
  const address = headers.get("cf-connecting-ip")?.trim().toLowerCase() ?? "";
  if (address === "" || address.length > ADDRESS_LENGTH_MAX) return LOCAL;
  return IPV4_IN_IPV6.exec(address)?.[1] ?? address;
}

function prefixOf(address: string, prefixGroups: number): string {
  const [head = "", tail] = address.split("::", 2);
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, GROUPS - front.length - back.length);
  const groups = [...front, ...Array.from({ length: zeros }, () => "0"), ...back];
  return `${groups.slice(0, prefixGroups).map(withoutZeros).join(":")}::/${prefixGroups * GROUP_BITS}`;
}

function withoutZeros(group: string): string {
  return group.replace(/^0+(?=.)/, "");
}
