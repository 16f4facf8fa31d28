import * as z from "zod";
import { BUCKETS } from "./buckets.ts";

/** Names of bindings, so many at most: their numbers have three digits. */
const DATABASES_MAX = 1_000;

/**
 * Which database holds which bucket, as it is stored: with the mapping, and with each shard's copy
 * of it. Two databases of neighbouring buckets are two short pairs; were each bucket in another
 * database than its neighbour, some 150 KB.
 */
export interface BucketMap {
  /** From 1 on. Whoever moves a bucket raises it, so that an older copy is known to be one. */
  readonly version: number;
  /** Databases by the names of their bindings, the way a name is found whatever else is bound. */
  readonly databases: readonly string[];
  /** From bucket 0 on: so many buckets are in that one of `databases`. */
  readonly runs: readonly (readonly [buckets: number, database: number])[];
}

export const bucketMapSchema = z
  .object({
    version: z.int().min(1),
    databases: z
      .array(z.string().regex(/^HISTORY_DB_([A-Z][A-Z0-9]*_)?\d{1,3}$/))
      .min(1)
      .max(DATABASES_MAX),
    runs: z.array(z.tuple([z.int().min(1).max(BUCKETS), z.int().min(0)])).max(BUCKETS),
  })
  .refine(({ databases, runs }) => runs.every(([, database]) => database < databases.length), {
    error: "a bucket is in a database without a name",
  })
  .refine(({ runs }) => runs.reduce((sum, [buckets]) => sum + buckets, 0) === BUCKETS, {
    error: "not every bucket is in exactly one database",
  });

/**
 * The first map of a new platform: each database that is bound holds as many neighbouring buckets
 * as the others.
 *
 * @throws RangeError where there is no database
 */
export function spreadEvenly(databases: readonly string[]): BucketMap {
  if (databases.length === 0) throw new RangeError("no history database is bound");
  const endOf = (database: number): number => Math.floor((BUCKETS * (database + 1)) / databases.length);
  const runs = databases.map((_name, index) => [endOf(index) - endOf(index - 1), index] as const);
  return { version: 1, databases, runs };
}

/** The database of every bucket, each time it changes a new run. */
export function runsOf(databaseOfBucket: readonly number[]): BucketMap["runs"] {
  const runs: [number, number][] = [];
  for (const database of databaseOfBucket) {
    const last = runs.at(-1);
    if (last?.[1] === database) last[0] += 1;
    else runs.push([1, database]);
  }
  return runs;
}
