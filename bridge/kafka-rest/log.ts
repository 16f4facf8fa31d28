/** Lines of one event and reason in this time, before the rest is only counted. */
const WINDOW_MS = 10_000;
const LINES_MAX = 20;
/** Events that are counted apart; more begin anew. */
const EVENTS_MAX = 100;

export type Level = "info" | "error";
export type Log = (
  level: Level,
  event: string,
  fields?: Readonly<Record<string, string | number | boolean>>,
) => void;

/**
 * A line of JSON for each event. Of one that comes all the time only the first lines of a while are
 * written, and the next one says how many were not.
 */
export function jsonLog(write: (line: string) => void, now: () => number = Date.now): Log {
  const seen = new Map<string, { sinceMs: number; lines: number }>();
  return (level, event, fields = {}) => {
    const atMs = now();
    const known = seen.get(event);
    let left = 0;
    if (known !== undefined && atMs - known.sinceMs < WINDOW_MS) {
      known.lines += 1;
      if (known.lines > LINES_MAX) return;
    } else {
      left = Math.max(0, (known?.lines ?? 0) - LINES_MAX);
      if (seen.size >= EVENTS_MAX) seen.clear();
      seen.set(event, { sinceMs: atMs, lines: 1 });
    }
    write(JSON.stringify({ level, event, at: atMs, ...fields, ...(left > 0 ? { leftOut: left } : {}) }));
  };
}
