import * as z from "zod";
import { pullerNamed, type PullerPlace } from "../biz/puller-name.ts";
import type { BusPlaceStore } from "../biz/ports.ts";
import type { KvPort } from "./shard-facts.ts";

const count = z.int().min(0);
const placeSchema = z.object({
  nextOffset: count,
  late: z.array(z.object({ offset: count, attempts: count, dueAtMs: z.number().min(0) })),
});

/** Where a puller stands, in its object's storage: one row. */
export function pullerPlaceStore(kv: KvPort, sync: () => Promise<void>): BusPlaceStore {
  return {
    read() {
      const known = kv.get("place");
      return known === undefined ? null : placeSchema.parse(known);
    },
    write: (place) => kv.put("place", place),
    sync,
  };
}

/**
 * Which partition an object reads, by its name. An alarm may wake it without telling it, so that is
 * kept.
 */
export function pullerPartition(kv: KvPort, name: string | undefined): PullerPlace {
  const known = kv.get("name");
  const place = pullerNamed(typeof known === "string" ? known : (name ?? ""));
  if (place === null) throw new Error(`no puller is named ${name ?? "nothing"}`);
  if (known === undefined) kv.put("name", name);
  return place;
}
