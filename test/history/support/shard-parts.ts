import type { FormatStore, HistoryReader } from "../../../src/history/biz/ports.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import { parseFinishedAt, watchRules } from "../../../src/history/biz/watch-rules.ts";

/** A database that has nothing of anybody. */
export const EMPTY_DATABASE: HistoryReader = { newestOf: async () => [], find: async () => [] };

/** Whatever has a position is started, so that tests may count with small ones. */
export const RULES = watchRules({ finishedAt: parseFinishedAt("*=0.95"), startedAtMs: 1 });

/** What an object keeps of its log's format. */
export function formatStore(written: number = LOG_FORMAT): FormatStore {
  let format = written;
  return {
    get format() {
      return format;
    },
    raiseFormat(newer) {
      format = Math.max(format, newer);
    },
  };
}
