import { codeOf, wrap } from "../contracts/errors.ts";

/** A service binding as the runtime types it: opaque, since the other worker's code is not ours to import. */
type RpcBinding = object;

/**
 * Gives a service binding the interface that both sides share through `contracts`. The one place where the runtime's word is taken for
 * the type of another worker; the e2e tests hold it to that.
 */
export function bindRpc<T extends object>(binding: RpcBinding): T {
  return binding as T;
}

/**
 * Awaits an RPC and says what was being done if it fails. An error without a code of ours is the transport's or the other worker's bug:
 * to the caller that upstream is unavailable.
 */
export async function rpc<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    const code = codeOf(cause);
    throw wrap(cause, what, code === "INTERNAL" ? "UNAVAILABLE" : code);
  }
}
