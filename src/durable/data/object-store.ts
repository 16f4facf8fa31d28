import type { ObjectStore } from "../biz/ports.ts";

/** The store of an object on the SQLite storage that it lives with. */
export function objectStore({ kv, setAlarm }: { readonly kv: SyncKvStorage; readonly setAlarm: (atMs: number) => unknown }): ObjectStore {
  return {
    get: (key) => kv.get(key),
    put: (key, value) => kv.put(key, value),
    entries: (prefix) => kv.list({ prefix }),
    delete: (key) => void kv.delete(key),
    setAlarm: (atMs) => void setAlarm(atMs),
  };
}
