import type { LocationHint } from "../contracts/cell.ts";

/** As much of a Durable Object namespace as is needed to reach its objects by name. */
export interface ObjectNamespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId, options?: { readonly locationHint?: LocationHint }): unknown;
}

const IDS_MAX = 10_000;

/**
 * Reaches objects by name, with the interface that both sides share through `contracts`. Ids are
 * hashes of names, so they are remembered; a stub that has thrown may be broken for good, so each
 * call takes a new one.
 *
 * @param locationHint - where an object is made that isn't there yet; null: near whoever asks. It
 *   is given each time, since nobody knows which time is the first, and moves nothing afterwards
 */
export function objectsOf<T extends object>(
  namespace: ObjectNamespace,
  locationHint: LocationHint | null = null,
): (name: string) => T {
  const options = locationHint === null ? undefined : { locationHint };
  const ids = new Map<string, DurableObjectId>();
  return function objectNamed(name) {
    let id = ids.get(name);
    if (id === undefined) {
      if (ids.size >= IDS_MAX) ids.clear();
      id = namespace.idFromName(name);
      ids.set(name, id);
    }
    return namespace.get(id, options) as T;
  };
}
