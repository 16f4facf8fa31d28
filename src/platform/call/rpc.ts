/**
 * A service binding as the runtime types it: opaque, since the other worker's code is not ours to
 * import.
 */
type RpcBinding = object;

/**
 * Gives a service binding the interface that both sides share through `contracts`. The one place
 * where the runtime's word is taken for the type of another worker; the e2e tests hold it to that.
 */
export function bindRpc<T extends object>(binding: RpcBinding): T {
  return binding as T;
}
