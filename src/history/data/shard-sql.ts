import type { NamedSql } from "../../platform/database/named-sql.ts";

type SqlValue = string | number | ArrayBuffer | null;

/** As much of a Durable Object's `SqlStorage` as the log needs. */
export interface SqlPort {
  exec(query: string, ...bindings: SqlValue[]): { toArray(): Record<string, SqlValue>[] };
}

/** A shard's SQLite: statements, and transactions against exceptions as well as crashes. */
export interface ShardSql extends SqlPort {
  /** Runs `work`; where it throws, nothing of what it wrote is there. */
  transaction(work: () => void): void;
}

/** Runs a statement with the values of its names. Answers its rows. */
export function execNamed<Name extends string>(
  db: SqlPort,
  { text, names }: NamedSql<Name>,
  values: Readonly<Record<NoInfer<Name>, SqlValue>>,
): Record<string, SqlValue>[] {
  return db.exec(text, ...names.map((name) => values[name])).toArray();
}

/** A column that may hold a number. */
export function numberOrNull(value: SqlValue | undefined): number | null {
  return value == null ? null : Number(value);
}

/** A column that holds a blob. */
export function bytesOf(value: SqlValue | undefined): Uint8Array<ArrayBuffer> {
  if (!(value instanceof ArrayBuffer)) throw new TypeError("a log payload is not a blob");
  return new Uint8Array(value);
}
