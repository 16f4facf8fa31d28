import type { Clock } from "../../resilience/clock.ts";
import { completeRecords } from "./complete-records.ts";
import { HybridClock } from "./hybrid-clock.ts";
import { LogRows } from "./log-rows.ts";
import { PendingSet } from "./pending-set.ts";
import { PendingStates, STATES_MAX } from "./pending-states.ts";
import type { AllPending, LoggedKey, LoggedRecord, LogPart, ShardLog, UnwrittenRow } from "./ports.ts";
import {
  comparePositions,
  type Confirmation,
  type HistoryRecord,
  type Position,
  type RecordKey,
} from "./record.ts";
import { UnloadedValues, type UnloadedValue } from "./unloaded-values.ts";
import { untoldRecords, untoldSince, type Untold } from "./untold.ts";
import {
  joinStates,
  mayBePending,
  newUserState,
  revOfState,
  type StateConfirmation,
  type UserState,
} from "./user-state.ts";

/** What one commit changes: records, and what holds for users as a whole. */
export interface Mutations {
  readonly records: readonly HistoryRecord[];
  readonly users: readonly UserState[];
  /** Whether somebody who listens is to be told of the records; of states they are always. */
  readonly isNews?: boolean;
  /** Records of which the keys alone are known: a row that was read back late has them. */
  readonly keys?: readonly LoggedKey[];
  /** Which endpoint takes the value of a record; null: the log. Absent: the log takes them all. */
  readonly endpointFor?: (record: HistoryRecord) => string | null;
}

/** Hears of values outside of the shard that are needed no more. */
type OnCopyLeft = (state: RecordKey & Position, endpoint: string) => void;

/** Who tells those who listen what has changed. */
interface NewsSource {
  /** All up to this revision has been told to them; null: all there is. */
  toldRev(): number | null;
  /** Whether anybody listens to a user's history. */
  isHeard(userId: string): boolean;
  /** A part of a user's state is durable, with this revision. */
  state(userId: string, rev: number): void;
}

interface DurablePendingDeps {
  readonly log: ShardLog;
  readonly limits: {
    readonly flushWindowMs: number;
    readonly entriesPerUserMax: number;
    /** Live log rows beyond which what is pending moves into a snapshot. */
    readonly liveRowsMax: number;
  };
  readonly databaseOf: (userId: string) => number;
  /** Whether states of users may be written down: older code would not know them. */
  readonly mayWriteStates: () => boolean;
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/** Records in one log row: at some 350 bytes each at most, well below a row's 1 MB. */
const RECORDS_PER_ROW_MAX = 2_000;
/**
 * A log with this many times the bytes of what is pending in it is mostly history, and a restart
 * would read all of it.
 */
const LIVE_TO_PENDING_MAX = 4;
const LIVE_BYTES_MAX = 8_000_000;
/** Below it no log is worth a snapshot. */
const LIVE_BYTES_MIN = 64_000;
const COMPACT_RETRY_MS = 10_000;

/**
 * What is pending, and the log that makes it so: rows are written first and memory is changed after
 * them, in one turn; a restart reads them back; a snapshot takes the place of rows when they have
 * become many for what they hold.
 */
export class DurablePending {
  readonly pending: PendingSet;
  readonly states: PendingStates;
  /** Of what a restart has found pending, that of which only the key is known. */
  readonly unloaded: UnloadedValues;
  readonly clock = new HybridClock();
  readonly #deps: DurablePendingDeps;
  readonly #rows = new LogRows();
  /** Of users who have more pending than is kept: the newest that was left out. */
  readonly #beyond = new Map<string, Position>();
  #compactNotBeforeMs = 0;
  /** Whether the table may have states that wait and had no room in memory. */
  #areStatesLeft = false;
  #writtenRev = 0;
  /** What the log says was told when it was read back; null: nobody knows. */
  #toldAtReplay: number | null = 0;
  /** The latest that anything is dated which D1 has and this doesn't any more, in ms. */
  #leftAtMs = Number.NEGATIVE_INFINITY;
  #replayedRev = 0;
  #news: NewsSource | null = null;
  /** Until somebody looks after them, they are kept for whoever will. */
  readonly #copiesLeft: Parameters<OnCopyLeft>[] = [];
  #onCopyLeft: OnCopyLeft = (...copy) => void this.#copiesLeft.push(copy);

  /** Reads the log back. */
  constructor(deps: DurablePendingDeps) {
    this.#deps = deps;
    const { limits, databaseOf } = deps;
    this.pending = new PendingSet({
      rows: this.#rows,
      windowMs: limits.flushWindowMs,
      entriesPerUserMax: limits.entriesPerUserMax,
      databaseOf,
      onBeyond: (record) => this.#noteBeyond(record.userId, record),
      onCopyLeft: (record, endpoint) => this.#onCopyLeft(record, endpoint),
      // What came after a clear waits for the user's state.
      onHealed: (nowMs) => this.states.endLongLeases(nowMs),
    });
    this.states = new PendingStates({ windowMs: limits.flushWindowMs });
    this.unloaded = new UnloadedValues(this.#rows);
    this.#replay();
    this.#settleBeyond(deps.now());
  }

  get liveLogRows(): number {
    return this.#rows.liveCount;
  }

  get liveLogBytes(): number {
    return this.#rows.liveBytes;
  }

  /**
   * The largest revision ever written down: all that come are larger, also after a restart, when
   * the clock has forgotten those that it gave and nobody wrote.
   */
  get writtenRev(): number {
    return this.#writtenRev;
  }

  /** From now on changes are told, and rows say how far: up to then it was as the log says. */
  tell(news: NewsSource): void {
    this.#news = news;
  }

  /** From now on somebody looks after values outside of the shard. */
  tellOfCopies(onCopyLeft: OnCopyLeft): void {
    this.#onCopyLeft = onCopyLeft;
    for (const copy of this.#copiesLeft.splice(0)) onCopyLeft(...copy);
  }

  /**
   * What of a user may not have been told when the log was read back: what is pending and came
   * after what it says was told. Null: nothing.
   */
  untoldAtReplay(userId: string): Untold | null {
    const toldRev = this.#toldAtReplay;
    if (toldRev === null) return untoldSince(0);
    if (this.unloaded.ofUser(userId).some(({ rev }) => rev > toldRev)) return untoldSince(toldRev);
    const records = this.pending.ofUser(userId).filter(({ rev }) => rev > toldRev);
    const state = this.stateOf(userId);
    const hasState =
      state !== null && Math.max(state.settingsRev, state.cleared?.rev ?? 0, state.floorRev) > toldRev;
    return records.length > 0 || hasState ? { ...untoldRecords(records, undefined), fromRev: toldRev } : null;
  }

  /**
   * Whether a record is dated after all that only D1 has: it is the newest of its item. Of what was
   * pending already when the log was read back that isn't known any more, and it is taken for so.
   */
  isAfterAllThatLeft({ atMs, rev }: HistoryRecord): boolean {
    return rev <= this.#replayedRev || atMs > this.#leftAtMs;
  }

  /** What holds for a user as a whole; null where nothing does. */
  stateOf(userId: string): UserState | null {
    return this.#deps.log.userState(userId);
  }

  /**
   * Writes the rows, all or none, then takes what they say: there is no `await` in here and there
   * must never be one.
   *
   * @param untoldRev - what came after it and is written already is still to be told
   */
  write(given: Mutations, nowMs: number, adopted?: number, untoldRev = Number.POSITIVE_INFINITY): void {
    const { endpointFor, keys = NO_KEYS } = given;
    const complete = completeRecords(given.records, (record) => this.pending.durationOf(record));
    // Of a value that goes elsewhere the log has the key alone, which is always fit to be written.
    if (endpointFor !== undefined) this.#deps.log.checkWritable(complete);
    const records = endpointFor === undefined ? complete : complete.map(withPlace(endpointFor));
    // Nothing names an erased user again, whoever has asked before the erasure and decides now.
    const users = given.users.filter(({ userId }) => !this.#deps.log.isErased(userId));
    const rows: UnwrittenRow[] = [];
    const rowCount = Math.max(
      Math.ceil(records.length / RECORDS_PER_ROW_MAX),
      users.length + keys.length > 0 ? 1 : 0,
    );
    for (let index = 0; index < rowCount; index += 1)
      rows.push({
        seq: this.#rows.lastSeq + 1 + index,
        records: records.slice(index * RECORDS_PER_ROW_MAX, (index + 1) * RECORDS_PER_ROW_MAX),
        users: index === 0 ? users : [],
        ...(index === 0 && keys.length > 0 && { keys }),
      });
    if (rows.length === 0 && adopted === undefined) return;
    const lowWater = this.#rows.lowWater();
    // Asked before, since it may throw: memory is merged whole or not at all.
    const states = this.#statesAfter(keys.length === 0 ? records : [...records, ...keys], users);
    const stateOf = (userId: string): UserState | null => states.get(userId) ?? null;
    const isNews = given.isNews === true || users.some(({ userId }) => this.#news?.isHeard(userId));
    const writtenRev = revAfter(this.#writtenRev, records, users);
    const beforeRev = Math.min(isNews ? this.#writtenRev : writtenRev, untoldRev);
    const toldRev = this.#toldRev(beforeRev);
    // I1
    const bytes = this.#deps.log.append(
      rows.map((row) => this.#logged(row, toldRev, nowMs)),
      lowWater,
      adopted,
    );
    this.#writtenRev = writtenRev;
    for (const { userId, cleared } of users) this.#noteState(userId, nowMs, cleared !== null);
    for (const [index, row] of rows.entries())
      this.#take({ keys: NO_KEYS, ...row, bytes: bytes[index] ?? 0 }, () => nowMs, stateOf);
    for (const state of users) this.#tellOf(state);
    if (rows.length > 0) this.#rows.written(lowWater);
    this.#settleBeyond(nowMs, beforeRev);
    this.#compactIfDue(nowMs);
  }

  /** D1 seems to have lost what goes of a user: their state is pending again. */
  sayAgain(userId: string, nowMs: number): void {
    const state = this.stateOf(userId);
    if (state === null || this.states.isFull) return;
    if (state.cleared !== null || state.floor !== null || state.forgottenRev > 0)
      this.#noteState(userId, nowMs, state.cleared !== null);
  }

  /**
   * The newest state of each key that is pending, if it is one of those that are taken. What came
   * after a clear waits until D1 knows of that: a clock that was ahead may have dated later what D1
   * has, which would win there, and go with the clear.
   */
  collect(keys: readonly RecordKey[], takes: (record: HistoryRecord) => boolean): HistoryRecord[] {
    return this.pending.collect(keys, (record) => takes(record) && !this.#lacksClear(record.userId));
  }

  /** D1 holds these users' states. */
  confirmStates(confirmations: readonly StateConfirmation[]): void {
    for (const confirmed of confirmations) {
      const { userId, clearedRev } = confirmed;
      const lackedClear = this.#lacksClear(userId);
      const hasClear = (this.stateOf(userId)?.cleared?.rev ?? 0) <= clearedRev;
      this.states.confirm(userId, this.#deps.log.confirmState(confirmed), hasClear);
      if (lackedClear && !this.#lacksClear(userId)) this.pending.sendUncollected(userId);
    }
    if (this.#areStatesLeft && this.states.hasMuchRoom) this.#loadStates(this.#deps.now());
  }

  /**
   * D1 holds these revisions, and the log says so: a restart would find pending what isn't. An
   * object that sleeps between reports would flush it again at each wake, and be woken by that; and
   * it would take the room of what has come in its place.
   */
  confirm(confirmations: readonly Confirmation[], nowMs: number): void {
    for (const confirmation of confirmations) {
      const known = this.pending.get(confirmation);
      this.pending.confirm(confirmation, nowMs);
      this.unloaded.confirm(confirmation);
      if (known !== undefined && this.pending.get(known) === undefined)
        this.#leftAtMs = Math.max(this.#leftAtMs, known.atMs);
    }
    this.noteGone(nowMs);
  }

  /** The log says what is pending no more, where anything has left. */
  noteGone(nowMs: number): void {
    // I8
    if (this.#rows.goneUpTo > 0) this.#noteConfirmed(nowMs);
  }

  /**
   * A value outside of the shard was read, or there is none: null. It is pending as it was, of what
   * holds for its user as much as still does.
   */
  loaded(value: UnloadedValue, record: HistoryRecord | null): void {
    if (record !== null && mayBePending(this.stateOf(value.userId), record))
      this.pending.put(record, value.seq, value.sinceMs, { valueAt: value.endpoint });
    if (record === null) this.unloaded.end(value);
    else this.unloaded.remove(value);
  }

  /** The log takes the values of these pending records, wherever they were. */
  takeIntoLog(keys: readonly RecordKey[], nowMs: number): void {
    const records = keys.flatMap((key) =>
      this.pending.placeOf(key)?.isElsewhere === true ? (this.pending.get(key) ?? []) : [],
    );
    this.write({ records, users: [] }, nowMs);
  }

  /** Forgets a user, in memory and in the log, and remembers that they are erased. */
  erase(userId: string, nowMs: number): void {
    const seq = this.#rows.lastSeq + 1;
    const { records, keys } = this.#all();
    const isOther = (one: RecordKey): boolean => one.userId !== userId;
    const others = { records: records.filter(isOther), keys: keys.filter(isOther) };
    const bytes = this.#deps.log.erase(userId, nowMs, seq, others);
    this.pending.dropUser(userId);
    this.unloaded.retain(userId, () => false);
    this.states.drop(userId);
    this.#movedInto(seq, bytes);
  }

  /**
   * One row, which costs less than the flush that it saves: the new low water, or a snapshot where
   * something waits on among what is confirmed, since rows are freed in their order. If it fails, a
   * restart finds what was confirmed pending, and the next confirmation tries again.
   */
  #noteConfirmed(nowMs: number): void {
    const lowWater = this.#rows.lowWater();
    if (lowWater <= this.#rows.goneUpTo) return this.#compact(nowMs);
    const seq = this.#rows.lastSeq + 1;
    try {
      const row = { seq, records: [], users: [], toldRev: this.#toldRev(this.#writtenRev) };
      const [bytes = 0] = this.#deps.log.append([row], lowWater);
      this.#rows.add(seq, bytes);
      this.#rows.written(lowWater);
    } catch (error) {
      this.#deps.onBackgroundFailure("note what is confirmed", error);
    }
  }

  #compactIfDue(nowMs: number): void {
    const { liveBytes, liveCount } = this.#rows;
    const isLong = liveBytes > LIVE_BYTES_MAX || liveCount > this.#deps.limits.liveRowsMax;
    const isMostlyHistory =
      liveBytes >
      Math.max(LIVE_BYTES_MIN, LIVE_TO_PENDING_MAX * (this.pending.storedBytes + this.unloaded.storedBytes));
    // A pause longer than any was begun by a clock that has been set back since.
    const pauseMs = this.#compactNotBeforeMs - nowMs;
    if ((isLong || isMostlyHistory) && (pauseMs <= 0 || pauseMs > COMPACT_RETRY_MS)) this.#compact(nowMs);
  }

  /**
   * All that is pending moves into a snapshot. If that fails the rows are still there, and no
   * report fails for it.
   */
  #compact(nowMs: number): void {
    const seq = this.#rows.lastSeq + 1;
    try {
      this.#movedInto(seq, this.#deps.log.writeSnapshot(seq, this.#all()));
      this.#compactNotBeforeMs = 0;
    } catch (error) {
      this.#compactNotBeforeMs = nowMs + COMPACT_RETRY_MS;
      this.#deps.onBackgroundFailure("write a snapshot", error);
    }
  }

  #movedInto(seq: number, bytes: number): void {
    this.#rows.add(seq, bytes);
    this.pending.moveAllTo(seq);
    this.unloaded.moveAllTo(seq);
    this.#rows.written(this.#rows.lowWater());
  }

  #all(): AllPending {
    const keys = this.unloaded.all().map(({ sinceMs, ...key }) => ({ ...key, waitsSinceMs: sinceMs }));
    return { records: this.pending.all(), keys };
  }

  #logged({ records, ...row }: UnwrittenRow, toldRev: number | null, nowMs: number): UnwrittenRow {
    return { ...row, records: records.map((record) => this.pending.logged(record, nowMs)), toldRev };
  }

  /** Up to where all has been told, given that nothing after a revision has been. */
  #toldRev(beforeRev: number): number | null {
    if (this.#news === null) return this.#toldAtReplay;
    return Math.min(this.#news.toldRev() ?? beforeRev, beforeRev);
  }

  #tellOf({ userId, settingsRev, cleared, floorRev }: UserState): void {
    for (const rev of [settingsRev, cleared?.rev ?? 0, floorRev]) if (rev > 0) this.#news?.state(userId, rev);
  }

  /**
   * The one fold of what a row says, when it is written and when it is read back. The states of
   * users are in their table by then: what they rule out is not pending, in whatever order it
   * came.
   */
  #take(
    { seq, bytes, records, keys, users }: LogPart,
    sinceMs: (record: Pick<LoggedRecord, "rev" | "waitsSinceMs">) => number,
    stateOf: (userId: string) => UserState | null,
  ): void {
    if (seq === this.#rows.lastSeq) this.#rows.extend(seq, bytes);
    else this.#rows.add(seq, bytes);
    // I46
    for (const { userId } of users) {
      const state = stateOf(userId);
      this.pending.retain(userId, (record) => mayBePending(state, record));
      const out = this.unloaded.retain(userId, (key) => mayBePending(state, { ...key, deleted: false }));
      for (const value of out) this.#onCopyLeft(value, value.endpoint);
    }
    for (const record of records)
      if (mayBePending(stateOf(record.userId), record)) this.#put(record, seq, sinceMs(record));
    for (const key of keys) this.#putKey({ ...key, seq, sinceMs: sinceMs(key) }, stateOf(key.userId));
  }

  #put(record: LoggedRecord, seq: number, sinceMs: number): void {
    const { valueAt, copyAt } = record;
    const unloaded = this.unloaded.get(record);
    if (unloaded !== undefined && comparePositions(record, unloaded) >= 0) {
      this.pending.put(bare(record), seq, Math.min(sinceMs, unloaded.sinceMs), {
        copyAt: copyAt ?? unloaded.endpoint,
        ...(valueAt !== undefined && { valueAt }),
      });
      this.unloaded.remove(unloaded);
    } else this.pending.put(bare(record), seq, sinceMs, record);
  }

  #putKey(value: UnloadedValue, state: UserState | null): void {
    if (!mayBePending(state, { ...value, deleted: false })) return this.#onCopyLeft(value, value.endpoint);
    const known = this.pending.get(value);
    if (known === undefined || comparePositions(value, known) > 0) this.unloaded.put(value);
  }

  /** What will hold for the users of a row once that is written. */
  #statesAfter(
    records: readonly RecordKey[],
    users: readonly UserState[],
  ): ReadonlyMap<string, UserState | null> {
    const states = new Map<string, UserState | null>();
    for (const { userId } of records) if (!states.has(userId)) states.set(userId, this.stateOf(userId));
    for (const state of users) {
      const before = states.get(state.userId) ?? this.stateOf(state.userId);
      states.set(state.userId, before === null ? state : joinStates(before, state));
    }
    return states;
  }

  #lacksClear(userId: string): boolean {
    if (this.states.has(userId) || !this.#areStatesLeft) return this.states.lacksClear(userId);
    return this.stateOf(userId)?.cleared != null;
  }

  #noteState(userId: string, nowMs: number, hasClear: boolean): void {
    if (this.states.isFull && !this.states.has(userId)) this.#areStatesLeft = true;
    else this.states.put(userId, nowMs, hasClear);
  }

  /** Takes those that wait as far as there is room. */
  #loadStates(nowMs: number): void {
    const waiting = this.#deps.log.unconfirmedStates(STATES_MAX);
    this.#areStatesLeft = waiting.length === STATES_MAX;
    for (const state of waiting) {
      if (this.states.has(state.userId)) continue;
      if (this.states.isFull) {
        this.#areStatesLeft = true;
        return;
      }
      this.states.put(state.userId, sinceState(state, nowMs), state.cleared !== null);
    }
  }

  #noteBeyond(userId: string, { atMs, rev }: Position): void {
    const known = this.#beyond.get(userId);
    const position = { atMs, rev };
    if (known === undefined || comparePositions(position, known) > 0) this.#beyond.set(userId, position);
  }

  /**
   * What is beyond what is kept of a user stays so, whatever becomes of the rest. Who has reported
   * is not told where that can't be written now: the next commit tries again.
   */
  #settleBeyond(nowMs: number, untoldRev?: number): void {
    if (this.#beyond.size === 0) return;
    const beyond = [...this.#beyond];
    this.#beyond.clear();
    if (!this.#deps.mayWriteStates()) return;
    try {
      const users = beyond.map(([userId, { atMs, rev }]) => this.#floorAt(userId, { atMs, rev }));
      this.write({ records: [], users }, nowMs, undefined, untoldRev);
    } catch (error) {
      for (const [userId, position] of beyond) this.#noteBeyond(userId, position);
      this.#deps.onBackgroundFailure("write what is beyond what is kept", error);
    }
  }

  #floorAt(userId: string, floor: Position): UserState {
    return { ...newUserState(userId), floor, floorRev: this.clock.tick(this.#deps.now()) };
  }

  #replay(): void {
    const { log, now, onBackgroundFailure } = this.#deps;
    const nowMs = now();
    // A revision says when its record came in, unless its clock had run ahead: nothing has waited
    // since the future.
    const sinceMs = ({ rev, waitsSinceMs = nowMs }: Pick<LoggedRecord, "rev" | "waitsSinceMs">): number =>
      Math.min(waitsSinceMs, HybridClock.wallMsOf(rev), nowMs);
    const isKept = remembering((userId) => !log.isErased(userId));
    const stateOf = remembering((userId) => this.stateOf(userId));
    this.#loadStates(nowMs);
    const { lastSeq, revHighWater, toldRev, isDamaged } = log.replay((part) =>
      this.#take(
        {
          ...part,
          records: part.records.filter(({ userId }) => isKept(userId)),
          keys: part.keys.filter(({ userId }) => isKept(userId)),
        },
        sinceMs,
        stateOf,
      ),
    );
    this.#rows.skipTo(lastSeq);
    this.clock.advanceTo(revHighWater);
    this.#writtenRev = revHighWater;
    this.#toldAtReplay = toldRev;
    this.#replayedRev = revHighWater;
    if (revHighWater > 0) this.#leftAtMs = HybridClock.wallMsOf(revHighWater);
    for (const id of log.unreadIds()) this.#adopt(id, isKept, nowMs);
    if (isDamaged) {
      onBackgroundFailure(
        "replay the log",
        new Error("the snapshot is in pieces; all that was found is pending again"),
      );
      this.#compact(nowMs);
    } else this.#compactIfDue(nowMs);
  }

  /**
   * A row that waited for a release that can read it. What it says may have been overtaken; the
   * order (at, rev) sees to that.
   */
  #adopt(id: number, isKept: (userId: string) => boolean, nowMs: number): void {
    try {
      const unread = this.#deps.log.readUnread(id);
      if (unread === null) return;
      const records = unread.records.filter(({ userId }) => isKept(userId)).map(bare);
      const keys = unread.keys.filter(({ userId }) => isKept(userId));
      const users = unread.users.filter(({ userId }) => isKept(userId));
      this.write({ records, keys, users }, nowMs, id);
    } catch (error) {
      this.#deps.onBackgroundFailure("adopt a row", error);
    }
  }
}

const NO_KEYS: readonly LoggedKey[] = [];

function withPlace(
  endpointFor: (record: HistoryRecord) => string | null,
): (record: HistoryRecord) => LoggedRecord {
  return (record) => {
    const valueAt = endpointFor(record);
    return valueAt === null ? record : { ...record, valueAt };
  };
}

/** The largest revision once these are written. */
function revAfter(rev: number, records: readonly HistoryRecord[], users: readonly UserState[]): number {
  let after = rev;
  for (const record of records) after = Math.max(after, record.rev);
  for (const state of users) after = Math.max(after, revOfState(state));
  return after;
}

/** What leaves the log: a record, and nothing that only the log says of it. */
function bare(logged: LoggedRecord): HistoryRecord {
  if (logged.waitsSinceMs === undefined && logged.valueAt === undefined && logged.copyAt === undefined)
    return logged;
  const { waitsSinceMs: _since, valueAt: _value, copyAt: _copy, ...record } = logged;
  return record;
}

/** A state waits since its newest change came in. */
function sinceState(state: UserState, nowMs: number): number {
  return Math.min(HybridClock.wallMsOf(revOfState(state)), nowMs);
}

/** Asks once about each user, for the length of a replay. */
function remembering<T extends {} | null>(ask: (userId: string) => T): (userId: string) => T {
  const known = new Map<string, T>();
  return (userId) => {
    let answer = known.get(userId);
    if (answer === undefined) {
      answer = ask(userId);
      known.set(userId, answer);
    }
    return answer;
  };
}
