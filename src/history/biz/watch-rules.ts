import { KIND } from "../../contracts/history.ts";
import { knownDuration, type EntryRules, type HistoryRecord } from "./record.ts";

/** Stands for each kind that isn't named. */
const ANY_OTHER = "*";
const KINDS_MAX = 64;
const SHARE = /^(?:0?\.\d{1,6}|1(?:\.0{1,6})?)$/;

/** The share of a known duration from which on an item is watched, by kind; `*` for all others. */
export type FinishedAt = ReadonlyMap<string, number>;

/**
 * Reads from which share of its duration on an item is watched, as a var says it:
 * `video=0.9,*=0.95`.
 *
 * @throws RangeError unless all are kinds and shares above 0 and at most 1, none comes twice and
 *   `*` is there
 */
export function parseFinishedAt(text: string): FinishedAt {
  const pairs = text.split(",").map(parsePair);
  if (pairs.length > KINDS_MAX) throw new RangeError(`more than ${KINDS_MAX} kinds`);
  const finishedAt = new Map(pairs);
  if (finishedAt.size < pairs.length) throw new RangeError("a kind comes twice");
  if (!finishedAt.has(ANY_OTHER))
    throw new RangeError(`${ANY_OTHER}=<share> is missing, for all other kinds`);
  return finishedAt;
}

function parsePair(text: string): readonly [kind: string, share: number] {
  const [kind = "", share = "", ...rest] = text.trim().split("=");
  if (kind !== ANY_OTHER && !KIND.test(kind)) throw new RangeError(`"${kind}" is no kind, nor ${ANY_OTHER}`);
  const value = SHARE.test(share) ? Number(share) : 0;
  if (rest.length > 0 || value === 0)
    throw new RangeError(`"${text.trim()}" is no kind=share with a share above 0 and at most 1`);
  return [kind, value];
}

/** From when on an item counts as watched, and as started. */
export interface WatchRules extends EntryRules {
  isStarted(record: HistoryRecord): boolean;
}

interface WatchRulesInput {
  readonly finishedAt: FinishedAt;
  readonly startedAtMs: number;
}

/** What was said by hand stands; else it is by the event, or by how far one has come. */
export function watchRules({ finishedAt, startedAtMs }: WatchRulesInput): WatchRules {
  const ofOthers = finishedAt.get(ANY_OTHER) ?? 1;
  return {
    isWatched(record) {
      if (record.watched !== null) return record.watched;
      if (record.event === "ended") return true;
      const durationMs = knownDuration(record);
      const share = finishedAt.get(record.kind) ?? ofOthers;
      return durationMs !== null && record.positionMs >= share * durationMs;
    },
    isStarted: ({ positionMs }) => positionMs >= startedAtMs,
  };
}

/** Whether an item belongs into "continue watching". */
export function isToContinue(record: HistoryRecord, rules: WatchRules): boolean {
  return !record.deleted && !record.dismissed && rules.isStarted(record) && !rules.isWatched(record);
}
