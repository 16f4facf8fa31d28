import { codeOf } from "../../contracts/errors.ts";
import { authSchema, SOCKETS_PER_USER_MAX, type SocketAuth } from "../../contracts/realtime.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { CometIndex } from "./comet-index.ts";
import type { Connection } from "./connection.ts";
import { invalidFault } from "./invalid-fault.ts";
import { readBody } from "./read-body.ts";

/**
 * Signs a socket in by the body of its op 7, and closes those that have to give way to it. Null
 * where it had to be closed itself.
 */
export function signIn(
  connection: Connection,
  body: Uint8Array,
  index: CometIndex,
  now: Clock,
): SocketAuth | null {
  const auth = readAuth(connection, body);
  if (auth === null) return null;
  const { user, id } = connection.state;
  const isOwn = connection.state.door === "own";
  if (isOwn && auth.token !== undefined && subjectOf(auth.token) !== user?.userId) {
    connection.close("unauthenticated", "the token is not of the user who opened the socket");
    return null;
  }
  const key = auth.key ?? id;
  index.withKey(user?.userId ?? null, key)?.close("replaced", "another connection has taken the key");
  if (user !== null) makeRoom(index, user.userId);
  connection.save({
    isSignedIn: true,
    key,
    accepts: [...new Set(auth.accepts ?? [])],
    device: isOwn ? (auth.device ?? null) : null,
    beatAtMs: now(),
  });
  index.add(connection);
  return auth;
}

function readAuth(connection: Connection, body: Uint8Array): SocketAuth | null {
  try {
    return readBody(authSchema, body);
  } catch (error) {
    if (codeOf(error) === "INTERNAL") throw error;
    closeInvalid(connection, error);
    return null;
  }
}

/** Closes a socket that asks for what can't be, with the first thing that is wrong. */
export function closeInvalid(connection: Connection, error: unknown): void {
  const { reason, detail } = invalidFault(error);
  connection.close(reason, detail);
}

/** Of too many sockets the one goes that nothing was heard of for longest: it may be a ghost. */
function makeRoom(index: CometIndex, userId: string): void {
  const sockets = index.ofUser(userId);
  if (sockets.size < SOCKETS_PER_USER_MAX) return;
  const [quietest] = [...sockets].sort((one, other) => one.aliveAtMs - other.aliveAtMs);
  quietest?.close("tooMany", `a user may have ${SOCKETS_PER_USER_MAX} sockets`);
}

/**
 * Whom a token claims to be of; null where it can't be read. Its signature is nobody's business
 * here: the socket was authenticated before it was opened.
 */
function subjectOf(token: string): string | null {
  const [, payload = ""] = token.split(".");
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    const subject = (claims as { sub?: unknown } | null)?.sub;
    return typeof subject === "string" ? subject : null;
  } catch {
    return null;
  }
}
