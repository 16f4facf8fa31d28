import { createHash, timingSafeEqual } from "node:crypto";

/** Fewer could be guessed. */
export const TOKEN_LENGTH_MIN = 16;
const SCHEME = /^bearer /i;

/**
 * Tells whether an `authorization` header carries the token. Digests are compared, since they have
 * one length: neither what a guess has in common with the token nor how long it is shows in the
 * time that takes.
 *
 * @throws RangeError for a token that is too short
 */
export function bearerCheck(token: string): (authorization: string | undefined) => boolean {
  if (token.length < TOKEN_LENGTH_MIN)
    throw new RangeError(`a token must have ${TOKEN_LENGTH_MIN} characters at least, not ${token.length}`);
  const expected = digest(token);
  return (authorization = "") =>
    SCHEME.test(authorization) && timingSafeEqual(digest(authorization.replace(SCHEME, "")), expected);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
