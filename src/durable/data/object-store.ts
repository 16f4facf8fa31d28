import type { ObjectStore } from "../biz/ports.ts";

/** As much of an object's storage as is used. */
type Storage = Pick<DurableObjectStorage, "kv" | "setAlarm" | "deleteAll" | "transactionSync">;

/** The store of an object on the SQLite storage that it lives with. */
export function objectStore(storage: Storage): ObjectStore {
  const { kv } = storage;
  return {
    get: (key) => kv.get(key),
    put: (key, value) => kv.put(key, value),
    entries: (prefix) => kv.list({ prefix }),
    delete: (key) => void kv.delete(key),
    // It takes effect at once; what it promises is only that it has reached the disk.
    erase: () => void storage.deleteAll(),
    setAlarm: (atMs) => void storage.setAlarm(atMs),
    transaction: (work) => storage.transactionSync(work),
  };
}
