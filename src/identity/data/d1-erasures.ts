import { and, asc, eq, gt, isNull, lte, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { ERASURE_AHEAD_MS_MAX } from "../biz/lifetimes.ts";
import type { ErasureStore } from "../biz/ports.ts";
import { d1Call } from "../../platform/d1-call.ts";
import { erasure } from "./schema.ts";

/** Erasures under way, and the mark that stays of each when it is done. */
export function d1Erasures(db: D1Database): ErasureStore {
  const orm = drizzle(db);
  const isDue = (nowMs: number) => or(lte(erasure.nextAtMs, nowMs), gt(erasure.nextAtMs, nowMs + ERASURE_AHEAD_MS_MAX));
  return {
    due: (nowMs, limit) =>
      d1Call("read the erasures that are due", () =>
        orm
          .select({ userId: erasure.userId, attempts: erasure.attempts })
          .from(erasure)
          .where(and(isNull(erasure.doneAtMs), isDue(nowMs)))
          .orderBy(asc(erasure.nextAtMs))
          .limit(limit),
      ),

    async claim({ userId, attempts }, nowMs, nextAtMs) {
      const claimed = await d1Call("claim an erasure", () =>
        orm
          .update(erasure)
          .set({ attempts: attempts + 1, nextAtMs })
          .where(and(eq(erasure.userId, userId), eq(erasure.attempts, attempts), isNull(erasure.doneAtMs), isDue(nowMs)))
          .returning({ userId: erasure.userId }),
      );
      return claimed.length > 0;
    },

    async done(userId, nowMs) {
      await d1Call("finish an erasure", () =>
        orm.update(erasure).set({ doneAtMs: nowMs, lastError: null }).where(eq(erasure.userId, userId)),
      );
    },

    async failed(userId, reason) {
      // An attempt that was given up for lost may still succeed beside this one: what is done stays done.
      await d1Call("note a failed erasure", () =>
        orm
          .update(erasure)
          .set({ lastError: reason })
          .where(and(eq(erasure.userId, userId), isNull(erasure.doneAtMs))),
      );
    },
  };
}
