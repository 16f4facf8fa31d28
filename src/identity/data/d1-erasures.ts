import { and, asc, eq, gt, isNull, lte, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { ERASURE_AHEAD_MS_MAX } from "../biz/lifetimes.ts";
import type { ErasureStore } from "../biz/ports.ts";
import { d1Call } from "../../platform/database/d1-call.ts";
import { erasure } from "./schema.ts";

/** Erasures under way, and the mark that stays of each when it is done. */
export function d1Erasures(db: D1Database): ErasureStore {
  const orm = drizzle(db);
  const hasCome = (nowMs: number) => lte(erasure.nextAtMs, nowMs);
  /** Put off by a clock gone wrong. */
  const isFarAhead = (nowMs: number) => gt(erasure.nextAtMs, nowMs + ERASURE_AHEAD_MS_MAX);
  const isDue = (nowMs: number) => or(hasCome(nowMs), isFarAhead(nowMs));
  const oldest = (which: ReturnType<typeof isDue>, limit: number) =>
    d1Call("read the erasures that are due", () =>
      orm
        .select({ userId: erasure.userId, cell: erasure.cell, attempts: erasure.attempts })
        .from(erasure)
        .where(and(isNull(erasure.doneAtMs), which))
        .orderBy(asc(erasure.nextAtMs))
        .limit(limit),
    );
  return {
    /**
     * Two ranges, two queries: asked for both at once, the database would read all that is not
     * done.
     */
    async due(nowMs, limit) {
      const come = await oldest(hasCome(nowMs), limit);
      return come.length < limit
        ? [...come, ...(await oldest(isFarAhead(nowMs), limit - come.length))]
        : come;
    },

    async claim({ userId, attempts }, nowMs, nextAtMs) {
      const claimed = await d1Call("claim an erasure", () =>
        orm
          .update(erasure)
          .set({ attempts: attempts + 1, nextAtMs })
          .where(
            and(
              eq(erasure.userId, userId),
              eq(erasure.attempts, attempts),
              isNull(erasure.doneAtMs),
              isDue(nowMs),
            ),
          )
          .returning({ userId: erasure.userId }),
      );
      return claimed.length > 0;
    },

    async done(userId, nowMs) {
      await d1Call("finish an erasure", () =>
        orm.update(erasure).set({ doneAtMs: nowMs, lastError: null }).where(eq(erasure.userId, userId)),
      );
    },

    async failed(userId, reason, nextAtMs) {
      // An attempt that was given up for lost may still succeed beside this one: what is done stays
      // done.
      await d1Call("note a failed erasure", () =>
        orm
          .update(erasure)
          .set({ lastError: reason, ...(nextAtMs !== undefined && { nextAtMs }) })
          .where(and(eq(erasure.userId, userId), isNull(erasure.doneAtMs))),
      );
    },
  };
}
