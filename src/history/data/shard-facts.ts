import * as z from "zod";
import type { StoredMapping } from "../biz/shard-mapping.ts";

/** As much of an object's synchronous key-value storage as is needed here. */
export interface KvPort {
  get(key: string): unknown;
  put(key: string, value: unknown): void;
}

const mappingSchema = z.object({
  version: z.int().min(1),
  shards: z.int().min(1).max(4_096),
  buckets: z.int().min(0),
});

/**
 * The format of the rows that a shard may write. A new kind of row comes with a higher number:
 * first a release that reads it, then, when no other is left, the number is raised and it is
 * written.
 */
const LOG_FORMAT = 1;

/** The few things a shard knows beside its log. */
export class ShardFacts {
  readonly #kv: KvPort;
  readonly shard: number;
  /** Objects that a release without a format number made have none. */
  readonly isFromBefore: boolean;

  /**
   * @param name - of the object: `shard-<n>`. An alarm may wake an object without telling it, so
   *   the number is kept.
   */
  constructor(kv: KvPort, name: string | undefined) {
    this.#kv = kv;
    const known = kv.get("shard");
    this.shard = typeof known === "number" ? known : numberIn(name);
    this.isFromBefore = known !== undefined && kv.get("format") === undefined;
    if (known !== undefined) return;
    // In this order: an object that has its number is asked for its format, and must not look older
    // than it is.
    kv.put("format", LOG_FORMAT);
    kv.put("shard", this.shard);
  }

  readMapping(): StoredMapping | null {
    return readStoredMapping(this.#kv);
  }

  writeMapping(mapping: StoredMapping): void {
    writeStoredMapping(this.#kv, mapping);
  }
}

/** The mapping as an object keeps it; null where it has none. */
export function readStoredMapping(kv: KvPort): StoredMapping | null {
  const stored = kv.get("mapping");
  return stored === undefined ? null : mappingSchema.parse(stored);
}

export function writeStoredMapping(kv: KvPort, mapping: StoredMapping): void {
  kv.put("mapping", mapping);
}

function numberIn(name: string | undefined): number {
  const number = Number(/^shard-(\d+)$/.exec(name ?? "")?.[1]);
  if (!Number.isInteger(number)) throw new Error("a history shard must be reached by its name");
  return number;
}
