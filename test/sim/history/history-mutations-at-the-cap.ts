import { CodedError, isCode } from "../../../src/contracts/errors.ts";
import { DatabaseDirectory } from "../../../src/history/biz/database-directory.ts";
import { FlushSchedule } from "../../../src/history/biz/flush-schedule.ts";
import { isAtSpendingCap } from "../../../src/platform/database/platform-errors.ts";
import { differing, method, type Mutation } from "./history-mutation.ts";

/** Does something whose refusal at the cap looks like any outage. */
async function disguised<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw isCode(cause, "SPENDING_CAP") ? new CodedError("UNAVAILABLE", "it is away") : cause;
  }
}

/** What an hour at the account's spending cap would do without its guards. */
export const MUTATIONS_AT_THE_CAP: readonly Mutation[] = [
  {
    name: "at the cap reports are acknowledged whose row was refused",
    under: "spending-cap",
    log: (log) =>
      differing(log, {
        append: (rows, lowWater, adopted) => {
          try {
            return log.append(rows, lowWater, adopted);
          } catch (error) {
            if (!isAtSpendingCap(error)) throw error;
            return rows.map(() => 0);
          }
        },
      }),
  },
  {
    name: "an alarm that was refused is believed to be set",
    under: "spending-cap",
    alarm: (alarm) => ({ set: (atMs) => void Promise.resolve(alarm.set(atMs)).catch(() => undefined) }),
  },
  {
    name: "an alarm ends well though the next one was refused",
    under: "spending-cap",
    patch: method(FlushSchedule, "onAlarm", (onAlarm) => {
      return async function (this: FlushSchedule) {
        await onAlarm.call(this).catch(() => undefined);
      };
    }),
  },
  {
    // An isolate that starts during the cap asks this first.
    name: "the cap is an outage to messages whose job doesn't know yet where users are",
    under: "spending-cap",
    patch: method(DatabaseDirectory, "placement", (placement) => {
      return function (this: DatabaseDirectory, shard) {
        return disguised(() => placement.call(this, shard));
      };
    }),
  },
];
