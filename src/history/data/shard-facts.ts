import * as z from "zod";
import { MAIN_CELL } from "../../contracts/cell.ts";
import { bucketMapSchema } from "../biz/bucket-map.ts";
import { LOG_FORMAT } from "../biz/log-format.ts";
import { shardNamed, type ShardPlace } from "../../contracts/shard-name.ts";
import type { KeptMapping, StoredMapping } from "../biz/shard-mapping.ts";

/** As much of an object's synchronous key-value storage as is needed here. */
export interface KvPort {
  get(key: string): unknown;
  put(key: string, value: unknown): void;
}

const mappingSchema = z.object({
  version: z.int().min(1),
  shards: z.int().min(1).max(4_096),
  buckets: z.int().min(0),
  map: z.optional(bucketMapSchema),
});

/** The format of shards from before there was a number. */
const FORMAT_BEFORE = 1;

const formatSchema = z.int().min(FORMAT_BEFORE);

/** The few things a shard knows beside its log. */
export class ShardFacts {
  readonly #kv: KvPort;
  readonly shard: number;
  /** The cell it is of, in whose databases its users are. */
  readonly cell: string;
  /** Made by a release without a format number. */
  readonly isFromBefore: boolean;
  #format: number;
  #lostValues: number;

  /**
   * @param name - of the object: `shard-<n>`, in another cell than `main` `<cell>-<n>`. An alarm
   *   may wake an object without telling it, so number and cell are kept.
   */
  constructor(kv: KvPort, name: string | undefined) {
    this.#kv = kv;
    const known = kv.get("shard");
    const place = typeof known === "number" ? { shard: known, cell: keptCell(kv) } : placeIn(name);
    this.shard = place.shard;
    this.cell = place.cell;
    const format = kv.get("format");
    this.#lostValues = z.int().min(0).catch(0).parse(kv.get("lostValues"));
    this.isFromBefore = known !== undefined && (format === undefined || kv.get("fromBefore") === true);
    this.#format = known === undefined ? LOG_FORMAT : formatSchema.default(FORMAT_BEFORE).parse(format);
    if (known !== undefined) return;
    // In this order: an object that has its number is asked for its format, and must not look older
    // than it is, nor of another cell.
    kv.put("format", LOG_FORMAT);
    if (this.cell !== MAIN_CELL) kv.put("cell", this.cell);
    kv.put("shard", this.shard);
  }

  /** The newest format that rows of the log may have: of a shard that is made now, the newest. */
  get format(): number {
    return this.#format;
  }

  /** Rows of this format may be written from now on. It never goes back. */
  raiseFormat(format: number): void {
    if (!Number.isInteger(format) || format < FORMAT_BEFORE || format > LOG_FORMAT)
      throw new RangeError(`this release knows formats up to ${LOG_FORMAT}, not ${format}`);
    if (format <= this.#format) return;
    if (this.isFromBefore) this.#kv.put("fromBefore", true);
    this.#kv.put("format", format);
    this.#format = format;
  }

  /** Values that were pending and are nowhere any more. */
  get lostValues(): number {
    return this.#lostValues;
  }

  countLost(values: number): void {
    this.#lostValues += values;
    this.#kv.put("lostValues", this.#lostValues);
  }

  readMapping(): KeptMapping | null {
    return readStoredMapping(this.#kv, this.cell);
  }

  writeMapping(mapping: StoredMapping): void {
    writeStoredMapping(this.#kv, mapping);
  }
}

/**
 * The mapping as an object of a cell keeps it; null where it has none. One without a map of buckets
 * was written by a release that knew no cell but `main`, be the object's name what it is.
 */
export function readStoredMapping(kv: KvPort, cell: string): KeptMapping | null {
  const stored = kv.get("mapping");
  if (stored === undefined) return null;
  const kept = mappingSchema.parse(stored);
  return kept.map === undefined && cell !== MAIN_CELL ? null : kept;
}

export function writeStoredMapping(kv: KvPort, mapping: StoredMapping): void {
  kv.put("mapping", mapping);
}

function placeIn(name: string | undefined): ShardPlace {
  const place = shardNamed(name ?? "");
  if (place === null) throw new Error("a history shard must be reached by its name");
  return place;
}

/** Shards from before there were cells have kept none: they are of `main`. */
function keptCell(kv: KvPort): string {
  const cell = kv.get("cell");
  return typeof cell === "string" ? cell : MAIN_CELL;
}
