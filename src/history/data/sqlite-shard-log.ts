import type { ReplayedLog, ShardLog } from "../biz/ports.ts";
import type { HistoryRecord } from "../biz/record.ts";
import { decodeRow, encodeRow } from "./log-codec.ts";

/** As much of a Durable Object's `SqlStorage` as the log needs. */
export interface SqlPort {
  exec(
    query: string,
    ...bindings: (string | number | ArrayBuffer | null)[]
  ): {
    toArray(): Record<string, string | number | ArrayBuffer | null>[];
  };
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS log (slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL, low_water INTEGER NOT NULL,
    rev_high INTEGER NOT NULL, payload BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS snapshot (chunk INTEGER PRIMARY KEY, seq INTEGER NOT NULL, chunks INTEGER NOT NULL, payload BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS erased_user (user_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
`;

/** Records in a chunk of the snapshot: at some 350 bytes each at most, well below a row's 1 MB. */
const RECORDS_PER_CHUNK = 2_000;

interface Slot {
  readonly slot: number;
  readonly seq: number;
}

/**
 * The shard's log in its own SQLite. Rows are billed, not bytes: a commit is one row, and a row that is not needed any more is overwritten,
 * not deleted, since a delete is billed too. Each row says which rows were still needed when it was written (`low_water`), so that
 * a restart never brings back a state whose successor has been overwritten.
 */
export class SqliteShardLog implements ShardLog {
  readonly #sql: SqlPort;
  /** Slots in use, oldest seq first. */
  #slots: Slot[] = [];

  constructor(sql: SqlPort) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  replay(): ReplayedLog {
    const all = this.#sql.exec("SELECT slot, seq, low_water, rev_high FROM log ORDER BY seq").toArray();
    this.#slots = all.map((row) => ({ slot: Number(row["slot"]), seq: Number(row["seq"]) }));
    const newest = all.at(-1);
    const lowWater = Number(newest?.["low_water"] ?? 0);
    const revHighWater = all.reduce((high, row) => Math.max(high, Number(row["rev_high"])), 0);
    const snapshot = this.#readSnapshot();
    const live = this.#sql
      .exec("SELECT seq, payload FROM log WHERE seq >= ? AND seq > ? ORDER BY seq", lowWater, snapshot?.seq ?? 0)
      .toArray()
      .map((row) => ({ seq: Number(row["seq"]), records: decodeRow(bytesOf(row["payload"])) }));
    const rows = snapshot !== null && snapshot.seq >= lowWater ? [snapshot, ...live] : live;
    return { rows, lastSeq: Math.max(Number(newest?.["seq"] ?? 0), snapshot?.seq ?? 0), revHighWater };
  }

  append({ seq, lowWater, records }: { seq: number; lowWater: number; records: readonly HistoryRecord[] }): void {
    const payload = encodeRow(records).buffer;
    const revHigh = records.reduce((high, record) => Math.max(high, record.rev), 0);
    const [oldest] = this.#slots;
    if (oldest !== undefined && oldest.seq < lowWater) {
      this.#sql.exec(
        "UPDATE log SET seq = ?, low_water = ?, rev_high = ?, payload = ? WHERE slot = ?",
        seq,
        lowWater,
        revHigh,
        payload,
        oldest.slot,
      );
      this.#slots.shift();
      this.#slots.push({ slot: oldest.slot, seq });
      return;
    }
    const slot = this.#slots.length;
    this.#sql.exec(
      "INSERT INTO log (slot, seq, low_water, rev_high, payload) VALUES (?, ?, ?, ?, ?)",
      slot,
      seq,
      lowWater,
      revHigh,
      payload,
    );
    this.#slots.push({ slot, seq });
  }

  writeSnapshot(seq: number, records: readonly HistoryRecord[]): void {
    const chunks = Math.max(1, Math.ceil(records.length / RECORDS_PER_CHUNK));
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const part = records.slice(chunk * RECORDS_PER_CHUNK, (chunk + 1) * RECORDS_PER_CHUNK);
      this.#sql.exec(
        "INSERT OR REPLACE INTO snapshot (chunk, seq, chunks, payload) VALUES (?, ?, ?, ?)",
        chunk,
        seq,
        chunks,
        encodeRow(part).buffer,
      );
    }
  }

  erasedUsers(): ReadonlySet<string> {
    return new Set(
      this.#sql
        .exec("SELECT user_id FROM erased_user")
        .toArray()
        .map((row) => String(row["user_id"])),
    );
  }

  markErased(userId: string, atMs: number): void {
    this.#sql.exec("INSERT OR IGNORE INTO erased_user (user_id, at_ms) VALUES (?, ?)", userId, atMs);
  }

  /** Chunks beyond the snapshot's own number are left over from a larger one before it. */
  #readSnapshot(): { readonly seq: number; readonly records: readonly HistoryRecord[] } | null {
    const [first] = this.#sql.exec("SELECT seq, chunks FROM snapshot WHERE chunk = 0").toArray();
    if (first === undefined) return null;
    const chunks = this.#sql.exec("SELECT payload FROM snapshot WHERE chunk < ? ORDER BY chunk", Number(first["chunks"])).toArray();
    return { seq: Number(first["seq"]), records: chunks.flatMap((row) => decodeRow(bytesOf(row["payload"]))) };
  }
}

function bytesOf(value: string | number | ArrayBuffer | null | undefined): Uint8Array {
  if (!(value instanceof ArrayBuffer)) throw new TypeError("a log payload is not a blob");
  return new Uint8Array(value);
}
