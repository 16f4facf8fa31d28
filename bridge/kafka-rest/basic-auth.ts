import { sameSecret, SECRET_LENGTH_MIN } from "../shared/same-secret.ts";

const SCHEME = /^basic +/i;

export interface BasicLogin {
  readonly username: string;
  readonly password: string;
}

/**
 * Tells whether an `authorization` header carries the login, in a time that says nothing of it.
 *
 * @throws RangeError for a password that is too short, or a name that the scheme can't carry
 */
export function basicCheck({
  username,
  password,
}: BasicLogin): (authorization: string | undefined) => boolean {
  if (password.length < SECRET_LENGTH_MIN)
    throw new RangeError(
      `a password must have ${SECRET_LENGTH_MIN} characters at least, not ${password.length}`,
    );
  if (username === "" || username.includes(":"))
    throw new RangeError("a username must be there, without a colon");
  const isLogin = sameSecret(`${username}:${password}`);
  return (authorization = "") =>
    SCHEME.test(authorization) &&
    isLogin(Buffer.from(authorization.replace(SCHEME, ""), "base64").toString("utf8"));
}
