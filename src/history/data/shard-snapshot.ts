import { namedSql } from "../../platform/database/named-sql.ts";
import type { AllPending } from "../biz/ports.ts";
import { encodeRow } from "./log-codec.ts";
import { bytesOf, execNamed, type ShardSql } from "./shard-sql.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS snapshot (chunk INTEGER PRIMARY KEY, seq INTEGER NOT NULL, chunks INTEGER NOT NULL, payload BLOB NOT NULL);
`;
const PUT_CHUNK = namedSql(
  "INSERT OR REPLACE INTO snapshot (chunk, seq, chunks, payload) VALUES (:chunk, :seq, :chunks, :payload)",
);
const DELETE_FROM = namedSql("DELETE FROM snapshot WHERE chunk >= :chunk");
const FIRST_CHUNKS = namedSql("SELECT chunk FROM snapshot ORDER BY chunk LIMIT :chunks");
const PAYLOAD = namedSql("SELECT payload FROM snapshot WHERE chunk = :chunk");

/** Records in a chunk: at some 350 bytes each at most, well below a row's 1 MB. */
const RECORDS_PER_CHUNK = 2_000;

export interface EncodedSnapshot {
  readonly seq: number;
  readonly chunks: readonly ArrayBuffer[];
  readonly bytes: number;
}

export interface SnapshotShape {
  readonly seq: number;
  readonly chunks: number;
  /** Its chunks don't belong together: a release that wrote them one by one was interrupted. */
  readonly isDamaged: boolean;
}

/**
 * Everything that is pending, in as few rows as will hold it: it replaces all rows of the log up to
 * its `seq`.
 */
export class ShardSnapshot {
  readonly #db: ShardSql;

  constructor(db: ShardSql) {
    this.#db = db;
    db.exec(SCHEMA);
  }

  encode(seq: number, { records, keys }: AllPending): EncodedSnapshot {
    const chunks: ArrayBuffer[] = [];
    for (let from = 0; from === 0 || from < records.length; from += RECORDS_PER_CHUNK)
      chunks.push(encodeRow(records.slice(from, from + RECORDS_PER_CHUNK)).buffer);
    for (let from = 0; from < keys.length; from += RECORDS_PER_CHUNK)
      chunks.push(encodeRow([], [], keys.slice(from, from + RECORDS_PER_CHUNK)).buffer);
    return { seq, chunks, bytes: chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) };
  }

  /** To be called within a transaction. Nothing of a larger snapshot before it is left over. */
  write({ seq, chunks }: EncodedSnapshot): void {
    for (const [chunk, payload] of chunks.entries())
      execNamed(this.#db, PUT_CHUNK, { chunk, seq, chunks: chunks.length, payload });
    execNamed(this.#db, DELETE_FROM, { chunk: chunks.length });
  }

  /** What is stored; null where there is no snapshot. */
  describe(): SnapshotShape | null {
    const rows = this.#db.exec("SELECT chunk, seq, chunks FROM snapshot ORDER BY chunk").toArray();
    const [first] = rows;
    if (first === undefined) return null;
    const [seq, chunks] = [Number(first["seq"]), Number(first["chunks"])];
    const own = rows.slice(0, chunks);
    const belongs =
      own.length === chunks &&
      own.every((row) => Number(row["seq"]) === seq && Number(row["chunks"]) === chunks);
    // The release before left the chunks of a larger snapshot behind the last one's own.
    return belongs
      ? { seq, chunks, isDamaged: false }
      : { seq: maxSeqOf(rows), chunks: rows.length, isDamaged: true };
  }

  /** Its chunks, read one by one; of a damaged one all there are, each of which was true once. */
  *chunksOf({
    chunks,
  }: SnapshotShape): Generator<{ readonly chunk: number; readonly payload: Uint8Array<ArrayBuffer> }> {
    for (const row of execNamed(this.#db, FIRST_CHUNKS, { chunks })) {
      const chunk = Number(row["chunk"]);
      const [stored] = execNamed(this.#db, PAYLOAD, { chunk });
      yield { chunk, payload: bytesOf(stored?.["payload"]) };
    }
  }
}

function maxSeqOf(rows: readonly Record<string, unknown>[]): number {
  return rows.reduce((max, row) => Math.max(max, Number(row["seq"])), 0);
}
