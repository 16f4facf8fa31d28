import {
  comparePositions,
  itemName,
  type HistoryRecord,
  type Position,
  type RecordKey,
} from "../../../src/history/biz/record.ts";
import { admits, joinStates, type UserState } from "../../../src/history/biz/user-state.ts";

interface ItemModel {
  /** The newest state, tombstones among them, with the duration that is known of the item. */
  record: HistoryRecord;
  /** Every state of it that was ever durable, in the order in which they were. */
  readonly states: HistoryRecord[];
  /** The latest record that knew the duration. */
  durationFrom: Position | null;
  /** That record was deleted, or not among the newest that are kept, once: it may be forgotten. */
  mayLackDuration: boolean;
  /**
   * It was beyond the newest that are kept while nobody could write that down, or Redis has lost
   * it: it may be gone, and may not.
   */
  mayBeLost: boolean;
}

/** A pause, in ms of the shard's clock; to be ended yet where `untilMs` is null. */
interface Pause {
  readonly fromMs: number;
  readonly untilMs: number | null;
}

interface UserModel {
  readonly items: Map<string, ItemModel>;
  /** What holds for the user as a whole. */
  state: UserState | null;
  readonly pauses: Pause[];
  /** Every change of the settings that was durable: its revision, and when that was. */
  readonly settings: { readonly paused: boolean; readonly rev: number; readonly atMs: number }[];
  /** Grows with everything durable. */
  version: number;
  erasure: "none" | "begun" | "done";
}

/**
 * What must be true: of each item the (at, rev)-newest state that a shard has stamped and made
 * durable, unless what holds for its user as a whole rules it out, with the duration that any
 * report on it knew: all of an item that know one know the same. Times and revisions are taken from
 * what was written to the log, so the model is exact whatever the clocks say.
 */
export class HistoryModel {
  readonly #users = new Map<string, UserModel>();
  readonly #entriesPerUserMax: number;
  readonly #now: () => number;
  /**
   * The latest durable record of each report, by its position, which is unique. A retry of a report
   * may have been stamped twice.
   */
  readonly #reports = new Map<number, HistoryRecord>();
  /** How reports were dated at each try, by their positions. */
  readonly #stamps = new Map<number, HistoryRecord[]>();

  constructor(entriesPerUserMax: number, now: () => number) {
    this.#entriesPerUserMax = entriesPerUserMax;
    this.#now = now;
  }

  user(userId: string): UserModel {
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = { items: new Map(), state: null, pauses: [], settings: [], version: 0, erasure: "none" };
      this.#users.set(userId, user);
    }
    return user;
  }

  /** A shard has dated a report, and not judged it yet. */
  stamped(record: HistoryRecord): void {
    const stamps = this.#stamps.get(record.positionMs);
    if (stamps === undefined) this.#stamps.set(record.positionMs, [record]);
    else stamps.push(record);
  }

  /** What a shard has made of a report, try by try. */
  stampsOf(positionMs: number): readonly HistoryRecord[] {
    return this.#stamps.get(positionMs) ?? [];
  }

  /** What one row of a shard's log says has become durable. */
  persisted(
    { records, users }: { readonly records: readonly HistoryRecord[]; readonly users: readonly UserState[] },
    writesStates: boolean,
  ): void {
    for (const state of users) this.#stateIsDurable(state);
    for (const record of records) this.#recordIsDurable(record, writesStates);
  }

  #stateIsDurable(state: UserState): void {
    const user = this.user(state.userId);
    const before = user.state;
    user.state = before === null ? state : joinStates(before, state);
    const { settingsRev, paused, pausedFromMs, pausedUntilMs } = user.state;
    if (settingsRev > (before?.settingsRev ?? 0)) {
      user.settings.push({ paused, rev: settingsRev, atMs: this.#now() });
      if (!paused && user.pauses.at(-1)?.untilMs === null) user.pauses.pop();
      if (pausedFromMs !== null) user.pauses.push({ fromMs: pausedFromMs, untilMs: pausedUntilMs });
    }
    for (const item of user.items.values()) {
      const { record, durationFrom } = item;
      const knewIt = durationFrom ?? record;
      if (!admits(user.state, record) || !admits(user.state, { ...knewIt, deleted: false }))
        item.mayLackDuration = true;
    }
    user.version += 1;
  }

  #recordIsDurable(record: HistoryRecord, writesStates: boolean): void {
    const user = this.user(record.userId);
    const name = itemName(record);
    let item = user.items.get(name);
    if (item === undefined) {
      item = { record, states: [], durationFrom: null, mayLackDuration: false, mayBeLost: false };
      user.items.set(name, item);
    }
    item.states.push(record);
    const isBaseGone = !admits(user.state, item.record);
    const isNewer = isBaseGone || comparePositions(record, item.record) > 0;
    // What came before a deletion may be known, and may not.
    if (isBaseGone || item.record.deleted || record.deleted) item.mayLackDuration = true;
    if (isNewer) item.mayBeLost = false;
    const durationMs = record.durationMs ?? item.record.durationMs;
    item.record = { ...(isNewer ? record : item.record), durationMs };
    const { durationFrom } = item;
    if (
      record.durationMs !== null &&
      (isBaseGone || durationFrom === null || comparePositions(record, durationFrom) > 0)
    ) {
      item.durationFrom = { atMs: record.atMs, rev: record.rev };
      item.mayLackDuration = record.deleted || !isNewer;
    }
    this.#forget(user, writesStates);
    user.version += 1;
    if (!isReport(record)) return;
    const twin = this.#reports.get(record.positionMs);
    if (twin === undefined || twin.rev < record.rev) this.#reports.set(record.positionMs, record);
  }

  /** A state may be gone, and all that was known of its item with it. */
  lost({ rev, ...key }: HistoryRecord): void {
    const user = this.user(key.userId);
    const item = user.items.get(itemName(key));
    user.version += 1;
    if (item === undefined || item.record.rev > rev) return;
    item.mayBeLost = true;
    item.mayLackDuration = true;
  }

  /** The durable record of a report, if there is one. */
  reportAt(positionMs: number): HistoryRecord | undefined {
    return this.#reports.get(positionMs);
  }

  /** The newest state of an item, tombstones among them. */
  winner(key: RecordKey): HistoryRecord | undefined {
    return this.item(key)?.record;
  }

  item(key: RecordKey): Readonly<ItemModel> | undefined {
    return this.user(key.userId).items.get(itemName(key));
  }

  /** The user's entries. */
  newestFirst(userId: string): HistoryRecord[] {
    const { items, state } = this.user(userId);
    return Array.from(items.values(), ({ record }) => record)
      .filter((record) => !record.deleted && admits(state, record))
      .sort((a, b) => comparePositions(b, a));
  }

  /** What is left of deleted items. */
  tombstones(userId: string): HistoryRecord[] {
    const { items, state } = this.user(userId);
    return Array.from(items.values(), ({ record }) => record).filter(
      (record) => record.deleted && admits(state, record),
    );
  }

  /** What retention may have deleted, or kept from being written at all, is known no longer. */
  #forget(user: UserModel, writesStates: boolean): void {
    const { items, state } = user;
    if (items.size <= this.#entriesPerUserMax) return;
    const entries = Array.from(items.values()).filter(
      ({ record }) => !record.deleted && admits(state, record),
    );
    for (const item of entries) {
      const { durationFrom } = item;
      const newerThan = (position: Position): number =>
        entries.filter((other) => other !== item && comparePositions(other.record, position) > 0).length;
      if (!writesStates && newerThan(item.record) >= this.#entriesPerUserMax) item.mayBeLost = true;
      if (durationFrom === null || item.mayLackDuration) continue;
      item.mayLackDuration = newerThan(durationFrom) >= this.#entriesPerUserMax;
    }
  }
}

/** Whether a record says what a player has reported. */
export function isReport({ deleted, watched, dismissed }: HistoryRecord): boolean {
  return !deleted && watched === null && !dismissed;
}
