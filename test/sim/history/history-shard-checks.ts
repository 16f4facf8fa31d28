import type { EntryPage } from "../../../src/contracts/history.ts";
import {
  comparePositions,
  knownDuration,
  type Confirmation,
  type HistoryRecord,
  type RecordKey,
} from "../../../src/history/biz/record.ts";
import type { UnwrittenRow } from "../../../src/history/biz/ports.ts";
import { admits, joinStates } from "../../../src/history/biz/user-state.ts";
import { decodeRow } from "../../../src/history/data/log-codec.ts";
import { isWithin } from "./history-losing.ts";
import { isReport } from "./history-model.ts";
import { isSetAside, isStored } from "./history-stored.ts";
import { recordName } from "../../support/databases/history-records.ts";
import type { HistoryScene } from "./history-scene.ts";
import type { Watch } from "./history-shard-watch.ts";
import type { SimStorage } from "../kernel/sim-storage.ts";

/**
 * Least time between two requests for a refill while a database stays away; clocks may step
 * meanwhile.
 */
const REFILL_SPACING_MS = 4_900;

/** From this format of the log on, what people do by hand is written. */
export const FORMAT_OF_STATES = 2;
/** And from this one on keys are, whose values are elsewhere. */
const FORMAT_OF_KEYS = 3;
/**
 * Tables of a shard in which the users whose rows they are may be found, and the column of each.
 */
export const NAMING_TABLES = ["log", "snapshot", "unread_row", "user_state"] as const;

/**
 * What is written down: nothing that older code would not know while there may be some, and no
 * report from a pause.
 */
export function checkWritten(rows: readonly UnwrittenRow[], watch: Watch): void {
  const { hold, counters, redis } = watch.world;
  const written = rows.flatMap(({ records }) => records);
  for (const { records, users } of rows) {
    if (watch.format < FORMAT_OF_STATES || watch.world.isOldCode(watch.number))
      hold(
        users.length === 0 && records.every(isReport),
        `shard ${watch.number}: nothing is written that the release before can't read`,
      );
    if (watch.format < FORMAT_OF_KEYS || watch.world.isOldCode(watch.number))
      hold(
        records.every(({ valueAt }) => valueAt === undefined),
        `shard ${watch.number}: no key is written without its value that the release before can't read`,
      );
    for (const record of records) {
      // What Redis has not taken, or has lost, the log takes.
      if (redis?.isNew(record) === false) continue;
      // Of several reports of one moment the last is kept, and the others come again as new ones.
      if (written.filter((other) => recordName(other) === recordName(record)).length === 1)
        checkAgain(record, watch);
      const state = watch.states.get(record.userId);
      if (state === undefined || !isReport(record)) continue;
      const { paused, pausedFromMs, pausedUntilMs: untilMs } = state;
      const isPaused =
        paused || (pausedFromMs !== null && isWithin(record.atMs, { fromMs: pausedFromMs, untilMs }));
      hold(!isPaused || isKnown(record, watch), `${recordName(record)}: nothing is taken from a pause`);
      hold(admits(state, record), `${recordName(record)}: nothing is taken that was cleared`);
    }
    for (const state of users) {
      const before = watch.states.get(state.userId);
      watch.states.set(state.userId, before === undefined ? state : joinStates(before, state));
      if (state.floorRev > (before?.floorRev ?? 0)) counters.note("history trimmed");
      if (state.forgottenRev > (before?.forgottenRev ?? 0)) counters.note("tombstones forgotten");
    }
  }
}

/** A state that was dated before, to which a duration has come. */
export function isKnown({ atMs, positionMs, ...key }: HistoryRecord, { world }: Watch): boolean {
  const states = world.model.item(key)?.states ?? [];
  return states.some((state) => state.atMs === atMs && state.positionMs === positionMs);
}

/**
 * A report that is what the newest state of its item says, or what that has deleted or marked,
 * changes nothing, however it is dated: the shard knows that state, for D1 has none newer.
 */
function checkAgain(record: HistoryRecord, { world }: Watch): void {
  const known = world.model.winner(record);
  if (!isReport(record) || known?.positionMs !== record.positionMs || known.atMs === record.atMs) return;
  const item = world.model.item(record);
  if (item?.mayBeLost === true || world.options.faults.has("unknown-row")) return;
  const isKnown = admits(world.model.user(record.userId).state, known) && !isStored(world, known);
  world.hold(
    !isKnown || isSetAside(world, known),
    `${recordName(record)}: the same report again changes nothing`,
  );
}

/** Nobody has more pending than is kept of them. */
export function checkShares(pending: readonly HistoryRecord[], { world }: Watch): void {
  const { entriesPerUserMax } = world.options.limits;
  const entries = pending.filter(({ deleted }) => !deleted);
  for (const [userId, records] of Map.groupBy(entries, (record) => record.userId))
    world.hold(
      records.length <= entriesPerUserMax,
      `${userId}: nobody has more pending than is kept of them`,
    );
}

/** No row of a log that older code may have to read says anything that it does not know. */
export function checkRows(storage: SimStorage, watch: Watch): void {
  if (watch.format >= FORMAT_OF_STATES || watch.unknown.size > 0) return;
  for (const { payload } of storage.inspect("SELECT payload FROM log")) {
    if (!(payload instanceof Uint8Array)) continue;
    const { records, users, unknown } = decodeRow(payload);
    watch.world.hold(
      unknown === 0 && users.length === 0 && records.every(isReport),
      `shard ${watch.number}: no row has what the release before can't read`,
    );
  }
}

/** Whether any payload of a table of a shard has a user's id in it. */
export function isNamedIn(storage: SimStorage, table: string, userId: string): boolean {
  if (table === "user_state")
    return storage.inspect("SELECT user_id FROM user_state").some((row) => row["user_id"] === userId);
  return storage
    .inspect(`SELECT payload FROM ${table}`)
    .some(({ payload }) => payload instanceof Uint8Array && Buffer.from(payload).includes(userId));
}

/**
 * What a shard hands to the job was never an old state whose successor was durable when it was
 * asked.
 */
export function handedOutCheck(
  keys: readonly RecordKey[],
  { model, redis, hold }: HistoryScene,
): (records: readonly HistoryRecord[]) => void {
  const winners = new Map(
    keys.map((key) => [recordName(key), model.item(key)?.mayBeLost === true ? undefined : model.winner(key)]),
  );
  const states = new Map(keys.map(({ userId }) => [userId, model.user(userId).state]));
  return (records) => {
    for (const record of records) {
      // What Redis has not taken may be in the log in this very turn.
      const isKnown = model.winner(record) !== undefined || redis?.isNew(record) === false;
      hold(isKnown, `${recordName(record)}: only what somebody has reported is handed out`);
      const winner = winners.get(recordName(record));
      const isReplaced =
        winner !== undefined && winner.rev > record.rev && comparePositions(winner, record) > 0;
      hold(!isReplaced, `${recordName(record)}: no state comes back whose successor is durable`);
      const isAdmitted = admits(states.get(record.userId) ?? null, record);
      hold(isAdmitted, `${recordName(record)}: nothing is handed out that was cleared or trimmed`);
    }
  };
}

/** Takes note of what a shard was told, as soon as that is durable. */
export function noteConfirmed(
  confirmations: readonly Confirmation[],
  storage: SimStorage,
  { confirmed }: Watch,
): void {
  storage.whenDurable(() => {
    for (const confirmation of confirmations) confirmed.set(recordName(confirmation), confirmation);
  });
}

/** What of all that was ever confirmed a restart finds pending is newer than that. */
export function checkForgotten(pending: readonly HistoryRecord[], { world, confirmed }: Watch): void {
  const { counters, hold, options } = world;
  // Where the storage fails it may not be written down, and a row that was set aside comes late.
  if (counters.counts.has("storage call threw") || options.faults.has("unknown-row")) return;
  for (const record of pending) {
    const known = confirmed.get(recordName(record));
    const durationMs = knownDuration(record);
    const isNews =
      known === undefined ||
      record.rev > known.rev ||
      (durationMs !== null && durationMs !== known.durationMs);
    hold(isNews, `${recordName(record)}: what is confirmed is not pending again after a restart`);
  }
}

/** While a database stays away nobody asks for it again and again. */
export function checkRefill({ world, refilledAtMs, number }: Watch, database: number): void {
  const { kernel } = world.options;
  world.counters.note("refill asked for");
  const before = refilledAtMs.get(database);
  const isRare = before === undefined || kernel.nowMs - before >= REFILL_SPACING_MS;
  world.hold(
    isRare || world.options.faults.has("month-ahead"),
    `shard ${number}: refills are asked for seldom`,
  );
  refilledAtMs.set(database, kernel.nowMs);
}

/**
 * What leaves a shard, however long D1 took: nothing of whom it has erased meanwhile, and nothing
 * as sure beside rows that it can't read.
 */
export function checkShown(
  userId: string,
  page: EntryPage,
  unreadRows: number,
  { world, erased }: Watch,
): void {
  const isErased = erased.has(userId);
  world.hold(page.items.length === 0 || !isErased, `${userId}: a shard shows nothing of whom it has erased`);
  world.hold(
    unreadRows === 0 || isErased || page.degraded === true,
    `${userId}: nothing is sure beside rows that can't be read`,
  );
}
