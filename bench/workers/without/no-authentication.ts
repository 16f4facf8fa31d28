import type { Principal } from "../../../src/contracts/call-context.ts";

/** Believes whoever comes: the caller is the hash of their token. */
export function accessTokenAuthenticator(): (authorization: string | null) => Promise<Principal> {
  const known = new Map<string, Principal>();
  return async function authenticate(authorization) {
    const key = authorization ?? "";
    let principal = known.get(key);
    if (principal === undefined) {
      principal = { userId: `user-${known.size}`, sessionId: `session-${known.size}`, roles: ["user"] };
      known.set(key, principal);
    }
    return principal;
  };
}
