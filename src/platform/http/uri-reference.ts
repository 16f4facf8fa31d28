/**
 * What RFC 3986 lets stand in a path as it is: unreserved characters, sub-delimiters, colon, at
 * sign, slash, and whole percent escapes.
 */
const NOT_IN_A_PATH = /%(?![0-9A-Fa-f]{2})|[^\w.~!$&'()*+,;=:@/%-]/gu;

/**
 * A path, however it came, as the URI reference that RFC 9457 wants for `instance`: what may not
 * stand in one is escaped. One that begins with two slashes would name a host instead, so that a
 * dot goes before it (RFC 3986, 4.2 and 5.2.4).
 */
export function uriReferenceOf(path: string): string {
  const escaped = path.toWellFormed().replaceAll(NOT_IN_A_PATH, encodeURIComponent);
  return escaped.startsWith("//") ? `/.${escaped}` : escaped;
}
