import { CodedError } from "./errors.ts";

export const IDEMPOTENCY_KEY_HEADER = "Idempotency-Key";

const BARE = /^[\x21-\x7e]{1,128}$/;
/**
 * An sf-string (RFC 9651, 3.3.3), and the parameters it may have: they have no defined meaning and
 * are ignored.
 */
const QUOTED =
  /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,128})"(?:; *[a-z*][a-z0-9_\-.*]*(?:=(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|[^ ",;\\]+))?)*$/;

/**
 * The key in an `Idempotency-Key` header: a structured-field string
 * (draft-ietf-httpapi-idempotency-key-header) or the bare token; both ways of writing a key mean
 * the same one. Throws `MALFORMED` where it is missing or is neither.
 */
export function parseIdempotencyKey(header: string | null | undefined): string {
  if (header === null || header === undefined)
    throw new CodedError("MALFORMED", "An Idempotency-Key header is required");
  const text = header.trim();
  const quoted = QUOTED.exec(text)?.[1];
  if (quoted !== undefined) return quoted.replaceAll(/\\(["\\])/g, "$1");
  if (BARE.test(text) && !text.startsWith('"')) return text;
  throw new CodedError(
    "MALFORMED",
    "Idempotency-Key must be 1-128 visible characters, bare or in double quotes",
  );
}
