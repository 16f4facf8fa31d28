import { namedSql } from "../../platform/database/named-sql.ts";
import { BoundedCache } from "../../resilience/bounded-cache.ts";
import { isConfirmedBy, joinStates, type StateConfirmation, type UserState } from "../biz/user-state.ts";
import { bytesOf, execNamed, type ShardSql } from "./shard-sql.ts";
import { decodeState, encodeState } from "./state-codec.ts";

/** The index holds what D1 has not confirmed, which is nothing most of the time. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS user_state (user_id TEXT PRIMARY KEY, is_confirmed INTEGER NOT NULL, state BLOB NOT NULL)
    WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS user_state_unconfirmed ON user_state (user_id) WHERE is_confirmed = 0;
`;
const PUT = namedSql(`
  INSERT OR REPLACE INTO user_state (user_id, is_confirmed, state) VALUES (:userId, 0, :state)`);
const FIND = namedSql("SELECT state FROM user_state WHERE user_id = :userId");
const UNCONFIRMED = namedSql(
  "SELECT state FROM user_state WHERE is_confirmed = 0 ORDER BY user_id LIMIT :limit",
);
const CONFIRM = namedSql(
  "UPDATE user_state SET is_confirmed = 1 WHERE user_id = :userId AND is_confirmed = 0",
);
const FORGET_ERASED = namedSql("DELETE FROM user_state WHERE user_id IN (SELECT user_id FROM erased_user)");
const FORGET = namedSql("DELETE FROM user_state WHERE user_id = :userId");

/** Users of whom it is known without a look into the table: some 0.3 MB at most. */
const CACHED_MAX = 1_000;

/** A state as the table will have it. */
export interface JoinedState {
  readonly state: UserState;
  readonly bytes: ArrayBuffer;
}

/**
 * What holds for users as a whole: pauses, clears and floors. The log says it too, in the row of
 * the same transaction; here it outlives that row. A shard where nobody has a state asks nothing.
 */
export class ShardStates {
  readonly #db: ShardSql;
  /** What is in it never gets old: whoever changes the table changes it. */
  readonly #cache = new BoundedCache<UserState | null>({ entriesMax: CACHED_MAX, now: () => 0 });
  #hasSome: boolean;

  constructor(db: ShardSql) {
    this.#db = db;
    db.exec(SCHEMA);
    this.#hasSome = db.exec("SELECT 1 FROM user_state LIMIT 1").toArray().length > 0;
  }

  find(userId: string): UserState | null {
    if (!this.#hasSome) return null;
    const cached = this.#cache.get(userId);
    if (cached !== undefined) return cached;
    const [row] = execNamed(this.#db, FIND, { userId });
    const state = row === undefined ? null : decodeState(bytesOf(row["state"]));
    this.#cache.set(userId, state, Infinity);
    return state;
  }

  unconfirmed(limit: number): readonly UserState[] {
    if (!this.#hasSome) return [];
    return execNamed(this.#db, UNCONFIRMED, { limit }).map((row) => decodeState(bytesOf(row["state"])));
  }

  /** Says whether nothing is left to be confirmed. */
  confirm(confirmed: StateConfirmation): boolean {
    const { userId } = confirmed;
    const state = this.find(userId);
    if (state === null) return true;
    if (!isConfirmedBy(state, confirmed)) return false;
    execNamed(this.#db, CONFIRM, { userId });
    return true;
  }

  /** These joined with what is there, each user once; who has all of it already is left out. */
  join(states: readonly UserState[]): readonly JoinedState[] {
    const joined = new Map<string, UserState>();
    for (const state of states) {
      const before = joined.get(state.userId) ?? this.find(state.userId);
      joined.set(state.userId, before === null ? state : joinStates(before, state));
    }
    return [...joined.values()]
      .map((state) => ({ state, bytes: encodeState(state).buffer }))
      .filter(({ state, bytes }) => {
        const before = this.find(state.userId);
        return before === null || !areSame(encodeState(before), new Uint8Array(bytes));
      });
  }

  /** To be called within a transaction, and {@link remember} once that has ended well. */
  write(states: readonly JoinedState[]): void {
    for (const { state, bytes } of states) execNamed(this.#db, PUT, { userId: state.userId, state: bytes });
  }

  remember(states: readonly JoinedState[]): void {
    for (const { state } of states) this.#cache.set(state.userId, state, Infinity);
    this.#hasSome ||= states.length > 0;
  }

  /** Before anything is asked of them. */
  forgetErased(): void {
    if (this.#hasSome) execNamed(this.#db, FORGET_ERASED, {});
  }

  /** To be called within a transaction. */
  forget(userId: string): void {
    execNamed(this.#db, FORGET, { userId });
    this.#cache.delete(userId);
  }
}

function areSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
