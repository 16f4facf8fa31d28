import { sameSecret, SECRET_LENGTH_MIN } from "../shared/same-secret.ts";

const SCHEME = /^bearer /i;

/**
 * Tells whether an `authorization` header carries the token, in a time that says nothing of it.
 *
 * @throws RangeError for a token that is too short
 */
export function bearerCheck(token: string): (authorization: string | undefined) => boolean {
  if (token.length < SECRET_LENGTH_MIN)
    throw new RangeError(`a token must have ${SECRET_LENGTH_MIN} characters at least, not ${token.length}`);
  const isToken = sameSecret(token);
  return (authorization = "") => SCHEME.test(authorization) && isToken(authorization.replace(SCHEME, ""));
}
