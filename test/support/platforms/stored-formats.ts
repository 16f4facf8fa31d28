import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { deserialize } from "node:v8";
import { historyFilesIn } from "./files-naming.ts";

const FORMAT = "SELECT value FROM _cf_KV WHERE key = 'format'";

/** Beside the objects: when each of them is to be woken. */
const ALARMS = "metadata.sqlite";

/** The format number that each shard has stored, in a state folder on which nothing runs. */
export function storedFormats(state: string): readonly unknown[] {
  const objects = historyFilesIn(state).shards.filter((path) => basename(path) !== ALARMS);
  return objects.map((path) => {
    const database = new DatabaseSync(join(state, path));
    try {
      const row = database.prepare(FORMAT).get();
      return row === undefined ? undefined : deserialize(row["value"] as Uint8Array);
    } finally {
      database.close();
    }
  });
}
