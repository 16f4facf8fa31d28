/** As much of a Durable Object namespace as is needed to reach its objects by name. */
export interface ObjectNamespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): unknown;
}

const IDS_MAX = 10_000;

/**
 * Reaches objects by name, with the interface that both sides share through `contracts`. Ids are
 * hashes of names, so they are remembered; a stub that has thrown may be broken for good, so each
 * call takes a new one.
 */
export function objectsOf<T extends object>(namespace: ObjectNamespace): (name: string) => T {
  const ids = new Map<string, DurableObjectId>();
  return function objectNamed(name) {
    let id = ids.get(name);
    if (id === undefined) {
      if (ids.size >= IDS_MAX) ids.clear();
      id = namespace.idFromName(name);
      ids.set(name, id);
    }
    return namespace.get(id) as T;
  };
}
