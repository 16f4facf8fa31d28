import { namedSql } from "../../platform/database/named-sql.ts";
import type { AllPending, LoggedRecord, LogPart, ReplayEnd, ShardLog, UnwrittenRow } from "../biz/ports.ts";
import { revOfState, type StateConfirmation, type UserState } from "../biz/user-state.ts";
import { encodeRow, type RowContent } from "./log-codec.ts";
import { ShardSnapshot } from "./shard-snapshot.ts";
import { bytesOf, execNamed, numberOrNull, type ShardSql } from "./shard-sql.ts";
import { ShardStates, type JoinedState } from "./shard-states.ts";
import { isNobody, UnreadRows, type StoredPart } from "./unread-rows.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS log (slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL, low_water INTEGER NOT NULL,
    rev_high INTEGER NOT NULL, payload BLOB NOT NULL, told_rev INTEGER);
  CREATE TABLE IF NOT EXISTS erased_user (user_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
`;
/** Earlier releases told nobody anything: their tables lack this column, their rows a value. */
const HAS_TOLD = "SELECT 1 FROM pragma_table_info('log') WHERE name = 'told_rev'";
const ADD_TOLD = "ALTER TABLE log ADD COLUMN told_rev INTEGER";
const OVERWRITE = namedSql(`
  UPDATE log SET seq = :seq, low_water = :lowWater, rev_high = :revHigh, payload = :payload, told_rev = :toldRev
  WHERE slot = :slot`);
const INSERT = namedSql(`
  INSERT INTO log (slot, seq, low_water, rev_high, payload, told_rev)
  VALUES (:slot, :seq, :lowWater, :revHigh, :payload, :toldRev)`);
const PAYLOAD = namedSql("SELECT payload FROM log WHERE slot = :slot");
const MARK_ERASED = namedSql(
  "INSERT INTO erased_user (user_id, at_ms) VALUES (:userId, :atMs) ON CONFLICT (user_id) DO NOTHING",
);
const FIND_ERASED = namedSql("SELECT 1 FROM erased_user WHERE user_id = :userId");
const BLANK = namedSql("UPDATE log SET payload = x'' WHERE instr(payload, :name) > 0");

const NO_STATES: readonly JoinedState[] = [];

interface Slot {
  readonly slot: number;
  readonly seq: number;
}

/**
 * The shard's log in its own SQLite. Rows are billed, not bytes: a commit is one row, and a row
 * that is not needed any more is overwritten, not deleted, since a delete is billed too. Each row
 * says which rows were still needed when it was written (`low_water`), so that a restart never
 * brings back a state whose successor has been overwritten.
 *
 * What belongs together is written in one transaction, and everything is encoded before it begins:
 * the platform makes one transaction of a turn only where nobody catches an exception in between,
 * and somebody always may.
 */
export class SqliteShardLog implements ShardLog {
  readonly #db: ShardSql;
  readonly #snapshot: ShardSnapshot;
  readonly #unread: UnreadRows;
  readonly #states: ShardStates;
  /** Slots in use, oldest seq first. */
  #slots: Slot[] = [];
  /**
   * The largest revision ever written. Each row says it: the one that held it may be overwritten by
   * records of long ago.
   */
  #revHigh = 0;
  #hasErased: boolean;

  constructor(db: ShardSql) {
    this.#db = db;
    db.exec(SCHEMA);
    if (db.exec(HAS_TOLD).toArray().length === 0) db.exec(ADD_TOLD);
    this.#snapshot = new ShardSnapshot(db);
    this.#unread = new UnreadRows(db);
    this.#states = new ShardStates(db);
    this.#hasErased = db.exec("SELECT 1 FROM erased_user LIMIT 1").toArray().length > 0;
    // A release that was gone back to may have erased users, and knows of no states.
    if (this.#hasErased) this.#states.forgetErased();
  }

  get unreadRows(): number {
    return this.#unread.count;
  }

  replay(take: (part: LogPart) => void): ReplayEnd {
    // Numbers first, payloads one by one: a log may be many times larger than what is pending in
    // it.
    const rows = this.#db
      .exec("SELECT slot, seq, low_water, rev_high, told_rev FROM log ORDER BY seq")
      .toArray();
    this.#slots = rows.map((row) => ({ slot: Number(row["slot"]), seq: Number(row["seq"]) }));
    const newest = rows.at(-1);
    const lowWater = Number(newest?.["low_water"] ?? 0);
    this.#revHigh = rows.reduce((high, row) => Math.max(high, Number(row["rev_high"])), 0);
    const snapshot = this.#snapshot.describe();
    // A snapshot that was cut off stands for nothing that it claims to replace: all live rows
    // count, and what it has goes with the oldest of them.
    const covered = snapshot === null || snapshot.isDamaged ? 0 : snapshot.seq;
    const live = this.#slots.filter(({ seq }) => seq >= lowWater && seq > covered);
    if (snapshot !== null && (snapshot.seq >= lowWater || snapshot.isDamaged)) {
      const seq = snapshot.isDamaged ? (live[0]?.seq ?? snapshot.seq) : snapshot.seq;
      for (const { chunk, payload } of this.#snapshot.chunksOf(snapshot))
        this.#give({ seq, part: chunk + 1, payload }, take);
    }
    for (const { slot, seq } of live) {
      const [row] = execNamed(this.#db, PAYLOAD, { slot });
      this.#give({ seq, part: 0, payload: bytesOf(row?.["payload"]) }, take);
    }
    return {
      lastSeq: Math.max(Number(newest?.["seq"] ?? 0), snapshot?.seq ?? 0),
      revHighWater: this.#revHigh,
      toldRev: newest === undefined ? 0 : numberOrNull(newest["told_rev"]),
      isDamaged: snapshot?.isDamaged ?? false,
    };
  }

  append(rows: readonly UnwrittenRow[], lowWater: number, adopted?: number): readonly number[] {
    let reusable = 0;
    while (reusable < rows.length && (this.#slots[reusable]?.seq ?? lowWater) < lowWater) reusable += 1;
    let revHigh = this.#revHigh;
    for (const { records, keys = [], users } of rows) {
      for (const { rev } of records) revHigh = Math.max(revHigh, rev);
      for (const { rev } of keys) revHigh = Math.max(revHigh, rev);
      for (const state of users) revHigh = Math.max(revHigh, revOfState(state));
    }
    const states = this.#statesOf(rows);
    const written = rows.map(({ seq, records, keys, users, toldRev = null }, index) => ({
      seq,
      toldRev,
      slot: index < reusable ? (this.#slots[index]?.slot ?? index) : this.#slots.length + index - reusable,
      statement: index < reusable ? OVERWRITE : INSERT,
      payload: encodeRow(records, users, keys).buffer,
    }));
    const write = (): void => {
      for (const { statement, seq, payload, slot, toldRev } of written)
        execNamed(this.#db, statement, { seq, lowWater, revHigh, payload, slot, toldRev });
      this.#states.write(states);
      if (adopted !== undefined) this.#unread.forget(adopted);
    };
    if (written.length === 1 && states.length === 0 && adopted === undefined) write();
    else this.#db.transaction(write);
    this.#states.remember(states);
    if (adopted !== undefined) this.#unread.recount();
    this.#revHigh = revHigh;
    this.#slots.splice(0, reusable);
    for (const { slot, seq } of written) this.#slots.push({ slot, seq });
    return written.map(({ payload }) => payload.byteLength);
  }

  checkWritable(records: readonly LoggedRecord[]): void {
    encodeRow(records);
  }

  writeSnapshot(seq: number, pending: AllPending): number {
    const snapshot = this.#snapshot.encode(seq, pending);
    this.#db.transaction(() => this.#snapshot.write(snapshot));
    return snapshot.bytes;
  }

  unreadIds(): readonly number[] {
    return this.#unread.ids();
  }

  readUnread(id: number): RowContent | null {
    return this.#unread.read(id);
  }

  userState(userId: string): UserState | null {
    return this.#states.find(userId);
  }

  unconfirmedStates(limit: number): readonly UserState[] {
    return this.#states.unconfirmed(limit);
  }

  confirmState(confirmed: StateConfirmation): boolean {
    return this.#states.confirm(confirmed);
  }

  isErased(userId: string): boolean {
    if (isNobody(userId)) return true;
    return this.#hasErased && execNamed(this.#db, FIND_ERASED, { userId }).length > 0;
  }

  erase(userId: string, atMs: number, seq: number, pending: AllPending): number {
    const snapshot = this.#snapshot.encode(seq, pending);
    const name = new TextEncoder().encode(userId).slice().buffer;
    this.#db.transaction(() => {
      execNamed(this.#db, MARK_ERASED, { userId, atMs });
      this.#snapshot.write(snapshot);
      // The snapshot has everything of everybody else: each row that names the user can go, and
      // keeps its place in the order.
      execNamed(this.#db, BLANK, { name });
      this.#unread.anonymise(userId);
      this.#states.forget(userId);
    });
    this.#hasErased = true;
    return snapshot.bytes;
  }

  #give(stored: StoredPart, take: (part: LogPart) => void): void {
    take({ seq: stored.seq, bytes: stored.payload.byteLength, ...this.#unread.readOrSetAside(stored) });
  }

  /** The states that rows bring, but for those of users who were erased. */
  #statesOf(rows: readonly UnwrittenRow[]): readonly JoinedState[] {
    if (rows.every(({ users }) => users.length === 0)) return NO_STATES;
    return this.#states.join(
      rows.flatMap(({ users }) => users).filter((user) => !this.isErased(user.userId)),
    );
  }
}
