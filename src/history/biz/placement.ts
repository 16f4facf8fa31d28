import type { BucketMap } from "./bucket-map.ts";
import { bucketOf, BUCKETS } from "./buckets.ts";

/** What has no database yet, as far as is known here. Operators see numbers from 0 on. */
export const UNKNOWN_DATABASE = -1;

/**
 * Where users' entries are: the one place where a user becomes the number of a database. A number
 * belongs to the name of a binding, so it stays whatever else is bound.
 */
export class Placement {
  readonly version: number;
  /** Numbers of the databases that hold a bucket. */
  readonly databases: readonly number[];
  /** Two bytes a bucket, so that a report costs no search. */
  readonly #databaseOfBucket = new Uint16Array(BUCKETS);

  constructor({ version, databases, runs }: BucketMap) {
    this.version = version;
    const numbers = new Set<number>();
    let from = 0;
    for (const [buckets, index] of runs) {
      const number = databaseNumber(databases[index] ?? "");
      this.#databaseOfBucket.fill(number, from, from + buckets);
      if (buckets > 0) numbers.add(number);
      from += buckets;
    }
    this.databases = [...numbers].toSorted((a, b) => a - b);
  }

  /** The number of a user's database. Bound, since it is handed around. */
  readonly databaseOf = (userId: string): number =>
    this.#databaseOfBucket[bucketOf(userId)] ?? UNKNOWN_DATABASE;
}

/** The number of a database: its name's last part. */
export function databaseNumber(name: string): number {
  const number = /_(\d{1,3})$/.exec(name)?.[1];
  if (number === undefined) throw new RangeError(`"${name}" names no database`);
  return Number(number);
}
