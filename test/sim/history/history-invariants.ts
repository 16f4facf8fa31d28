import type { Entry, ItemKey } from "../../../src/contracts/history.ts";
import {
  comparePositions,
  itemName,
  type HistoryRecord,
  type RecordKey,
} from "../../../src/history/biz/record.ts";
import { admits, type UserState } from "../../../src/history/biz/user-state.ts";
import { must } from "../kernel/broken-invariant.ts";
import { cellOf } from "./history-cells.ts";
import type { SimShard } from "./history-shard.ts";
import { isNamedIn, NAMING_TABLES } from "./history-shard-checks.ts";
import { isSetAside, isStored, storedOf } from "./history-stored.ts";
import type { HistoryWorld } from "./history-world.ts";

/** What was true of a user when a read was sent. */
export interface Before {
  readonly newest: readonly HistoryRecord[];
  readonly tombstones: readonly HistoryRecord[];
  readonly state: UserState | null;
  readonly version: number;
  readonly isErased: boolean;
}

export interface Answer {
  readonly items: readonly Entry[];
  readonly degraded?: true;
  /** What was asked for; absent where that was everything. */
  readonly asked?: readonly ItemKey[];
  /** Which entries belong into the answer; absent where all do. */
  readonly accept?: (record: HistoryRecord) => boolean;
}

const STATE = `SELECT settings_rev AS settingsRev, cleared_rev AS clearedRev, floor_rev AS floorRev,
  forgotten_rev AS forgottenRev FROM history_user WHERE user_id = ?`;
/** From a record's turn to its row in D1, when all is well. */
const FLUSH_MS_MAX = 15_000;
const LIVE = `SELECT coalesce(sum(length(payload)), 0) AS bytes FROM log
  WHERE seq >= (SELECT low_water FROM log ORDER BY seq DESC LIMIT 1) AND seq > coalesce((SELECT max(seq) FROM snapshot), 0)`;
const LOG_BYTES_PER_PENDING_MAX = 4;
/** Below that no log is worth a snapshot. */
const LOG_BYTES_FREE = 65_536;

export function beforeRead({ model }: HistoryWorld, userId: string): Before {
  const { version, erasure, state } = model.user(userId);
  return {
    newest: model.newestFirst(userId),
    tombstones: model.tombstones(userId),
    state,
    version,
    isErased: erasure === "done",
  };
}

/**
 * Every answer shows at least what was durable when it was asked for, in order, and nothing that
 * was never reported, nor what was deleted, cleared or trimmed by then.
 */
export function checkAnswer(world: HistoryWorld, userId: string, before: Before, answer: Answer): void {
  const { model, counters } = world;
  const { version, erasure, items } = model.user(userId);
  if (before.isErased) must(answer.items.length === 0, `${userId}: nothing is shown of who was erased`);
  if (erasure !== "none") return;
  const isDegraded = answer.degraded === true;
  const shown = new Map(answer.items.map((entry) => [itemName(entry), recordOf(world, userId, entry)]));
  must(shown.size === answer.items.length, `${userId}: each item is shown once`);
  checkGone(world, userId, before, shown, isDegraded);
  const known = new Map(before.newest.map((record, place) => [itemName(record), { record, place }]));
  const accept = answer.accept ?? ((): boolean => true);
  for (const [name, { record, place }] of known) {
    if (!accept(record)) continue;
    if (answer.asked !== undefined && !answer.asked.some((key) => itemName(key) === name)) continue;
    const seen = shown.get(name);
    // Others may have pushed it out of the newest meanwhile.
    const item = items.get(name);
    const mayBeOut =
      place + (version - before.version) >= world.options.limits.entriesPerUserMax ||
      item?.mayBeLost === true;
    if (seen === undefined) {
      // What was not finished when it was asked for may be by now; and it may have been deleted.
      const isOther = answer.accept !== undefined && version !== before.version;
      const isGone =
        version !== before.version &&
        (!admits(model.user(userId).state, record) ||
          item?.states.some(({ deleted, rev }) => deleted && rev > record.rev) === true);
      must(
        isOther || isGone || mayBeOut || isSetAside(world, record) || (isDegraded && isStored(world, record)),
        `${userId} ${name}: what was acknowledged is shown`,
      );
    } else if (comparePositions(seen, record) < 0 && seen.positionMs !== record.positionMs) {
      // What waits for D1 may be older than what D1 has, if it was dated so; a state that was
      // replaced never comes back.
      const isLateOne = isDegraded && isStored(world, record) && seen.rev > record.rev;
      must(
        mayBeOut || isLateOne || isSetAside(world, record),
        `${userId} ${name}: the newest state is shown`,
      );
    }
  }
  if (isDegraded || version !== before.version || before.newest.some((record) => isSetAside(world, record)))
    return;
  if (before.tombstones.some((record) => isSetAside(world, record))) return;
  checkDurations(world, userId, answer.items);
  // Where one is lost, those after it are nearer to the front than the model has them.
  const mayLack = before.newest.some((record) => items.get(itemName(record))?.mayBeLost === true);
  if (answer.asked !== undefined) {
    const isAsked = world.options.faults.has("lookup-beyond-list");
    if (isAsked && !mayLack) checkLookup(world, userId, known, shown.keys());
    return;
  }
  if (mayLack) return;
  const expected = before.newest.slice(0, world.options.limits.entriesPerUserMax);
  const areSure = expected.every((record) => !mayLackDuration(world, record));
  // What may be continued depends on durations.
  if (!areSure && answer.accept !== undefined) return;
  counters.note("read of a whole history, exact");
  if (before.newest.length >= world.options.limits.entriesPerUserMax)
    counters.note("user's history at its limit");
  const [want, got] = [expected.filter(accept), answer.items].map((list) =>
    list.map(({ positionMs }) => positionMs).join(),
  );
  must(want === got, `${userId}: the list is in order and complete`);
}

/**
 * What was deleted, cleared or trimmed when it was asked for is not shown, but for what is newer.
 */
function checkGone(
  world: HistoryWorld,
  userId: string,
  before: Before,
  shown: ReadonlyMap<string, HistoryRecord>,
  isDegraded: boolean,
): void {
  for (const record of shown.values())
    must(admits(before.state, record), `${userId} ${itemName(record)}: nothing cleared or trimmed is shown`);
  for (const tombstone of before.tombstones) {
    const seen = shown.get(itemName(tombstone));
    if (seen === undefined || comparePositions(seen, tombstone) > 0) continue;
    // D1 alone knows of the deletion, and what came late may be shown until it is asked.
    const isLateOne = isDegraded && isStored(world, tombstone) && seen.rev > tombstone.rev;
    // A tombstone that has been forgotten meanwhile holds up nothing.
    const isForgotten = !admits(world.model.user(userId).state, tombstone);
    must(
      isLateOne || isForgotten || isSetAside(world, tombstone),
      `${userId} ${itemName(tombstone)}: nothing deleted is shown`,
    );
  }
}

/** A known duration is shown, whichever report knew it. */
function checkDurations(world: HistoryWorld, userId: string, items: readonly Entry[]): void {
  const { model, counters } = world;
  for (const entry of items) {
    const record = model.winner({ ...entry, userId });
    if (record === undefined || mayLackDuration(world, record)) continue;
    if (record.durationMs !== null && model.stampsOf(record.positionMs).at(-1)?.durationMs === null)
      counters.note("duration shown of an older report");
    must(
      entry.durationMs === (record.durationMs ?? undefined),
      `${userId} ${itemName(entry)}: the duration that is known is shown`,
    );
  }
}

/** A look-up finds what the list would show. */
function checkLookup(
  world: HistoryWorld,
  userId: string,
  known: ReadonlyMap<string, { readonly place: number }>,
  shown: Iterable<string>,
): void {
  for (const name of shown) {
    const place = known.get(name)?.place ?? 0;
    must(
      place < world.options.limits.entriesPerUserMax,
      `${userId} ${name}: what the list has not is not found either`,
    );
  }
}

function recordOf(world: HistoryWorld, userId: string, entry: Entry): HistoryRecord {
  const record = durableRecordOf(world, userId, entry);
  must(record !== undefined, `${userId} ${itemName(entry)}: only what is durable is shown`);
  return record as HistoryRecord;
}

/** The durable state that an entry shows. */
export function durableRecordOf(
  { model }: HistoryWorld,
  userId: string,
  { kind, itemId, positionMs, watchedAt, event }: Entry,
): HistoryRecord | undefined {
  return model
    .item({ userId, kind, itemId })
    ?.states.findLast(
      (state) =>
        !state.deleted &&
        state.positionMs === positionMs &&
        state.atMs === watchedAt &&
        state.event === event,
    );
}

/**
 * Whether the duration of a record's item may be forgotten: retention deletes, and what was set
 * aside is not in D1.
 */
export function mayLackDuration(world: HistoryWorld, record: HistoryRecord): boolean {
  return world.model.item(record)?.mayLackDuration === true || isSetAside(world, { ...record, rev: 0 });
}

/** Who has something pending will be woken, or writes it back never. */
export function checkAlarm(shard: SimShard): void {
  must(
    shard.object.willWake || (shard.pending === 0 && shard.pendingStates === 0),
    `${shard.object.process.name}: what is pending has an alarm`,
  );
}

/** What a restart must read is in proportion to what is pending. */
export function checkLog({ object }: SimShard): void {
  // Whom nobody has called yet has no log.
  if (object.instance === null) return;
  const [live] = object.storage.inspect(LIVE);
  const { pendingBytes } = object.instance.door.shard.status();
  const isBounded = Number(live?.["bytes"]) <= LOG_BYTES_FREE + LOG_BYTES_PER_PENDING_MAX * pendingBytes;
  must(isBounded, `${object.process.name}: the log does not outgrow what is pending`);
}

/** A film that is watched on and on is written back as often as any other. */
export function checkBusy(
  world: HistoryWorld,
  key: RecordKey,
  beats: readonly { readonly positionMs: number; readonly atMs: number }[],
): void {
  const { limits, kernel } = world.options;
  // A device whose clock is hours behind dates it before everything else that a user at their limit
  // has, or before what was cleared.
  const newest = world.model.newestFirst(key.userId).slice(0, limits.entriesPerUserMax);
  if (!newest.some(({ itemId }) => itemId === key.itemId)) return;
  // It may also date it into a pause, which ignores it.
  const { pauses, settings } = world.model.user(key.userId);
  if (pauses.length > 0 || settings.length > 0) return;
  const stored = storedOf(world, key.userId).find(({ itemId }) => itemId === key.itemId)?.positionMs ?? 0;
  const due = beats.findLast(({ atMs }) => atMs < kernel.nowMs - limits.flushWindowMs - FLUSH_MS_MAX);
  must(
    due === undefined || stored >= due.positionMs,
    `${key.userId} ${key.itemId}: what is busy does not dodge the window`,
  );
}

/** In the end D1 is the model. */
export function checkDatabase(world: HistoryWorld, userId: string): void {
  const { model, options } = world;
  const home = world.databaseOf(userId);
  for (const other of world.databases.keys())
    must(
      other === home || storedOf(world, userId, other).length === 0,
      `${userId}: only one database has them`,
    );
  if (model.user(userId).erasure !== "none") return checkErased(world, userId);
  const rows = new Map(storedOf(world, userId).map((row) => [itemName(row), row]));
  const { state, items } = model.user(userId);
  if (state !== null) checkState(world, userId, state);
  for (const record of model.newestFirst(userId).slice(0, options.limits.entriesPerUserMax)) {
    const row = rows.get(itemName(record));
    const isSame =
      row !== undefined &&
      row.atMs === record.atMs &&
      row.rev === record.rev &&
      row.positionMs === record.positionMs;
    const mayBeLost = items.get(itemName(record))?.mayBeLost === true;
    must(isSame || mayBeLost, `${userId} ${itemName(record)}: D1 has the newest state`);
    must(
      mayLackDuration(world, record) || mayBeLost || row?.durationMs === record.durationMs,
      `${userId} ${itemName(record)}: D1 has the duration that is known`,
    );
  }
  for (const row of rows.values()) {
    const item = items.get(itemName(row));
    must(item !== undefined, `${userId} ${itemName(row)}: D1 has nothing that nobody has reported`);
    must(admits(state, row), `${userId} ${itemName(row)}: D1 has nothing that was cleared or trimmed`);
    must(
      item?.mayBeLost === true || row.deleted === item?.record.deleted,
      `${userId} ${itemName(row)}: D1 has nothing that was deleted`,
    );
  }
}

/** What holds for a user as a whole is in D1, part by part. */
function checkState(world: HistoryWorld, userId: string, state: UserState): void {
  const { db } = world.database(world.databaseOf(userId));
  const row = db.statement(STATE).get(userId);
  const { settingsRev, cleared, floor, forgottenRev } = state;
  const parts = { settingsRev, clearedRev: cleared?.rev ?? 0, floorRev: floor?.rev ?? 0, forgottenRev };
  for (const [part, rev] of Object.entries(parts))
    must((row?.[part] ?? 0) === rev, `${userId}: D1 has what holds for the user as a whole (${part})`);
}

/** Nothing is left of who was erased, but the mark that refuses them. */
function checkErased(world: HistoryWorld, userId: string): void {
  must(world.model.user(userId).erasure === "done", `${userId}: an erasure comes to its end`);
  must(world.redis?.isGone(userId) ?? true, `${userId}: nothing is left in Redis`);
  for (const [number, { db }] of world.databases.entries()) {
    for (const table of ["history", "history_rejected"]) {
      const left = db.statement(`SELECT count(*) AS n FROM ${table} WHERE user_id = ?`).get(userId)?.["n"];
      must(left === 0, `${userId}: nothing is left in ${table}`);
    }
    if (!cellOf(userId).databases.includes(number)) continue;
    const marked = db.statement("SELECT erased FROM history_user WHERE user_id = ?").get(userId)?.["erased"];
    must(marked === 1, `${userId}: the mark of an erased user stays`);
    if (!world.options.faults.has("dead-letters-outlive-erasure")) continue;
    const letters = db
      .statement("SELECT count(*) AS n FROM dead_letter WHERE instr(body, ?) > 0")
      .get(userId)?.["n"];
    must(letters === 0, `${userId}: no dead letter names who was erased`);
  }
  if (!world.options.faults.has("shard-storage-outlives-erasure")) return;
  const { storage } = world.shardOf(userId).object;
  for (const table of NAMING_TABLES) {
    must(
      !isNamedIn(storage, table, userId),
      `${userId}: no row of the shard's ${table} names who was erased`,
    );
  }
}
