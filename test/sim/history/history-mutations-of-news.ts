import { NewsOutbox } from "../../../src/history/biz/news-outbox.ts";
import { differing, instead, method, type Mutation } from "./history-mutation.ts";

const LATER_MS = 5_000;
const ALL = Number.MAX_SAFE_INTEGER;

/**
 * Guards of what those who listen are told. What needs more troubles one after another than these
 * worlds have is broken by `history/biz/news`, `news-model` and `listeners`.
 */
export const MUTATIONS_OF_NEWS: readonly Mutation[] = [
  {
    name: "a call to a comet that failed is forgotten",
    tellComet: (tell) => (comet, news) => tell(comet, news).catch(() => []),
  },
  {
    name: "news go out of order: some leave later than those after them",
    tellComet: (tell, kernel) => async (comet, news) => {
      if (kernel.chance(0.5)) return tell(comet, news);
      kernel.after(LATER_MS, "", () => void tell(comet, news).catch(() => undefined));
      return [];
    },
  },
  {
    name: "a shard that restarts tells nobody what may not have been told",
    patch: method(NewsOutbox, "resume", () => () => undefined),
  },
  {
    name: "whatever is written counts as told",
    log: (log) =>
      differing(log, {
        append: (rows, lowWater, adopted) =>
          log.append(
            rows.map((row) => ({ ...row, toldRev: ALL })),
            lowWater,
            adopted,
          ),
      }),
  },
  {
    name: "a shard that restarts has forgotten who listens",
    shardSql: instead("SELECT 1 FROM listener LIMIT 1", "SELECT 1 FROM listener LIMIT 0"),
  },
  {
    name: "who is behind, says the table, is so no more after a restart",
    shardSql: instead(
      "joined_at_ms, behind_rev FROM listener",
      "joined_at_ms, NULL AS behind_rev FROM listener",
    ),
  },
  {
    name: "nobody is told what a socket has sent",
    patch: method(NewsOutbox, "isNews", (isNews) => {
      return function (this: NewsOutbox, userId, source) {
        return source === undefined && isNews.call(this, userId);
      };
    }),
  },
  {
    name: "nobody is told what holds for a user as a whole",
    patch: method(NewsOutbox, "state", () => () => undefined),
  },
];
