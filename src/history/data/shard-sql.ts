/** As much of a Durable Object's `SqlStorage` as the log needs. */
export interface SqlPort {
  exec(
    query: string,
    ...bindings: (string | number | ArrayBuffer | null)[]
  ): {
    toArray(): Record<string, string | number | ArrayBuffer | null>[];
  };
}

/** A shard's SQLite: statements, and transactions against exceptions as well as crashes. */
export interface ShardSql extends SqlPort {
  /** Runs `work`; where it throws, nothing of what it wrote is there. */
  transaction(work: () => void): void;
}

/** A column that holds a blob. */
export function bytesOf(value: string | number | ArrayBuffer | null | undefined): Uint8Array<ArrayBuffer> {
  if (!(value instanceof ArrayBuffer)) throw new TypeError("a log payload is not a blob");
  return new Uint8Array(value);
}
