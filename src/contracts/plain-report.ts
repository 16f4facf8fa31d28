import {
  AT_MS_MIN,
  DEVICE_ID,
  ITEM_ID,
  KIND,
  PLAYBACK_EVENTS,
  POSITION_MS_MAX,
  type DatedReport,
  type PlaybackEvent,
  type Report,
} from "./history.ts";

type Members = Readonly<Partial<Record<keyof DatedReport, unknown>>>;

/**
 * A report that is as players send it, as the schema would see it; null for whatever the schema has
 * to be asked about, good or bad. Two workers look at every heartbeat, and the schema takes ten
 * times as long. It says nothing that the schema doesn't (`report-batch.test.ts`).
 */
export function plainReport(given: unknown): Report | null {
  if (typeof given !== "object" || given === null) return null;
  const { kind, itemId, positionMs, durationMs, event = "playing", deviceId, at } = given as Members;
  if (typeof kind !== "string" || !KIND.test(kind)) return null;
  if (typeof itemId !== "string" || !ITEM_ID.test(itemId)) return null;
  if (!isIn(positionMs, 0, POSITION_MS_MAX) || !isEvent(event)) return null;
  if (durationMs !== undefined && !isIn(durationMs, 0, POSITION_MS_MAX)) return null;
  if (deviceId !== undefined && (typeof deviceId !== "string" || !DEVICE_ID.test(deviceId))) return null;
  if (at !== undefined && !isTime(at)) return null;
  return {
    kind,
    itemId,
    positionMs,
    event,
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(at === undefined ? {} : { at }),
  };
}

/**
 * The same of one that travels between workers, where it also says what its client's clock said.
 */
export function plainDatedReport(given: unknown): DatedReport | null {
  const plain = plainReport(given);
  if (plain === null) return null;
  const { rawAt } = given as Members;
  if (rawAt === undefined) return plain;
  return isTime(rawAt) ? { ...plain, rawAt } : null;
}

function isTime(value: unknown): value is number {
  return isIn(value, AT_MS_MIN, Number.MAX_SAFE_INTEGER);
}

function isIn(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isEvent(value: unknown): value is PlaybackEvent {
  return (PLAYBACK_EVENTS as readonly unknown[]).includes(value);
}
