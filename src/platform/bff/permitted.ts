import { CodedError } from "../../contracts/errors.ts";
import { mayDo, type Permission } from "../../contracts/permissions.ts";
import { requirePrincipal, type RequestScope } from "../call/request-scope.ts";

/**
 * The scope of a caller who may do it. The gateway has checked that already; it is checked again
 * next to what is done, so that a row of the gateway's table that is wrong grants nothing. Throws
 * `UNAUTHENTICATED` where nobody is signed in, `FORBIDDEN`.
 */
export function permitted<S extends RequestScope>(scope: S, permission: Permission): S {
  if (!mayDo(requirePrincipal(scope).roles, permission)) {
    throw new CodedError("FORBIDDEN", "Your roles don't allow this", { tokenFault: "insufficient_scope" });
  }
  return scope;
}
