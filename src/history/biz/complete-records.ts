import { itemName, knownDuration, type HistoryRecord } from "./record.ts";

/**
 * Records as they are written down: one that knows no duration takes that of the state before it,
 * which may be nowhere else. The row that holds that state is free once this one is written.
 *
 * @param durationOf - what is known of an item before, null where nothing is
 */
export function completeRecords(
  records: readonly HistoryRecord[],
  durationOf: (record: HistoryRecord) => number | null,
): readonly HistoryRecord[] {
  const durations = new Map<string, number>();
  return records.map((record) => {
    const name = `${record.userId}/${itemName(record)}`;
    const durationMs = knownDuration(record) ?? durations.get(name) ?? durationOf(record);
    if (durationMs !== null) durations.set(name, durationMs);
    return durationMs === record.durationMs ? record : { ...record, durationMs };
  });
}
