import { describe, expect, it } from "vitest";
import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import { FlushSchedule } from "../../../src/history/biz/flush-schedule.ts";
import { PendingStates, STATES_MAX } from "../../../src/history/biz/pending-states.ts";
import { beat, shardOver } from "../support/shard-over.ts";

const WINDOW_MS = 300_000;

describe("keys that the queue refuses", () => {
  it("are sent two seconds later, neither at once nor when their lease would have ended", async () => {
    let isAway = true;
    const { clock, sent, alarms, start } = shardOver({ queueFails: () => isAway });
    const shard = start();
    await shard.report("ada", beat("film", 1));
    clock.turn(WINDOW_MS);
    await shard.onAlarm();
    expect([sent, (alarms.at(-1) ?? 0) - clock.now()]).toEqual([[], 2_000]);
    isAway = false;
    clock.turn(2_000);
    await shard.onAlarm();
    expect(sent).toMatchObject([{ type: "flush", users: [["ada", ["video/film"]]] }]);
  });
});

describe("a flush", () => {
  it("takes along what is due within a fifth of the window, and comes for nothing else", async () => {
    const { clock, sent, alarms, start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    clock.turn(50_000);
    await shard.report("bob", beat("film", 1));
    clock.turn(50_000);
    await shard.report("eve", beat("film", 1));
    clock.turn(190_000);
    // Too early for anybody, though ada and bob are within the fifth.
    await shard.onAlarm();
    expect(sent).toEqual([]);
    clock.turn(10_000);
    await shard.onAlarm();
    expect(sent).toMatchObject([
      {
        type: "flush",
        users: [
          ["ada", ["video/film"]],
          ["bob", ["video/film"]],
        ],
      },
    ]);
    clock.turn(2_000);
    await shard.wake();
    expect(alarms.at(-1)).toBeGreaterThan(clock.now());
  });
});

describe("a record that waits through restarts", () => {
  it("waits since it was reported: who restarts often doesn't dodge the window", async () => {
    const { clock, alarms, start } = shardOver();
    await start().report("ada", beat("film", 1));
    const dueMs = clock.now() + WINDOW_MS;
    clock.turn(100_000);
    start();
    expect(alarms.at(-1)).toBe(dueMs);
  });

  it("waits since then also after its shard's clock was ahead, and its revision says later", async () => {
    const { clock, alarms, start } = shardOver();
    clock.turn(3_600_000);
    const shard = start();
    await shard.report("ada", beat("other", 1));
    clock.turn(-3_600_000);
    await shard.report("ada", beat("film", 1));
    const dueMs = clock.now() + WINDOW_MS;
    clock.turn(100_000);
    start();
    expect(alarms.at(-1)).toBe(dueMs);
  });
});

/** A schedule of a shard with the keys of some records that are due now, and states of users. */
function scheduleOver(keysDue: readonly string[] = []) {
  let nowMs = 1_700_000_000_000;
  let isAway = false;
  const sent: QueueMessage[] = [];
  const alarms: number[] = [];
  const failures: string[] = [];
  const states = new PendingStates({ windowMs: WINDOW_MS });
  let keys = keysDue.map((itemId) => ({ userId: "ada", kind: "video", itemId }));
  const pending = {
    unleased: keys.length,
    nextDueMs: () => (keys.length === 0 ? null : nowMs + 200_000),
    lease: (waitingSinceMs: number) => (waitingSinceMs > nowMs ? keys.splice(0) : []),
    unlease: (given: typeof keys) => void (keys = [...given]),
  };
  const schedule = new FlushSchedule({
    shard: 0,
    limits: { flushWindowMs: WINDOW_MS },
    pending,
    states,
    queue: {
      send: async (messages) => {
        if (isAway) throw new Error("the queue is away");
        sent.push(...messages);
      },
    },
    alarm: { set: (atMs) => void alarms.push(atMs) },
    alarmAtMs: null,
    isFillingUp: () => false,
    otherDueMs: () => null,
    now: () => nowMs,
    onBackgroundFailure: (what) => void failures.push(what),
  });
  return {
    schedule,
    states,
    sent,
    alarms,
    failures,
    now: () => nowMs,
    turn: (byMs: number) => void (nowMs += byMs),
    away: (is: boolean) => void (isAway = is),
  };
}

describe("states of users", () => {
  it("set the alarm where they are due before any record, and are sent when it goes off", async () => {
    const { schedule, states, sent, alarms, now, turn } = scheduleOver();
    await schedule.rearm();
    expect(alarms).toEqual([]);
    const changedAtMs = now();
    states.put("ada", changedAtMs, false);
    await schedule.rearm();
    expect(alarms).toEqual([changedAtMs + WINDOW_MS]);
    turn(WINDOW_MS - 1);
    await schedule.onAlarm();
    expect(sent).toEqual([]);
    turn(1);
    await schedule.onAlarm();
    expect(sent).toEqual([{ type: "flush", shard: 0, users: [], states: ["ada"] }]);
    // They are leased: the next alarm is when that ends.
    expect(alarms.at(-1)).toBe(now() + 60_000);
  });

  it("are due with the records, whichever are first", async () => {
    const { schedule, states, alarms, now } = scheduleOver(["film"]);
    states.put("ada", now(), false);
    await schedule.rearm();
    expect(alarms).toEqual([now() + 200_000]);
    states.put("bob", now() - 200_000, false);
    await schedule.rearm();
    expect(alarms.at(-1)).toBe(now() + 100_000);
  });

  it("travel with the records, and stay with them where the queue refuses", async () => {
    const { schedule, states, sent, now, away } = scheduleOver(["film"]);
    states.put("bob", now(), false);
    away(true);
    await expect(schedule.flush(Number.POSITIVE_INFINITY)).rejects.toThrow("the queue is away");
    away(false);
    await schedule.flush(Number.POSITIVE_INFINITY);
    expect(sent).toEqual([{ type: "flush", shard: 0, users: [["ada", ["video/film"]]], states: ["bob"] }]);
    await schedule.flush(Number.POSITIVE_INFINITY);
    expect(sent).toHaveLength(1);
  });

  it("go early where there is room for few more, and no sooner again while the job has them", async () => {
    const { schedule, states, sent, alarms, failures, now, turn } = scheduleOver();
    for (let user = 0; user < STATES_MAX / 2; user += 1) states.put(`user-${user}`, now(), false);
    await schedule.rearm();
    expect(alarms).toEqual([now()]);
    await schedule.onAlarm();
    expect(sent.flatMap((message) => (message.type === "flush" ? (message.states ?? []) : []))).toHaveLength(
      STATES_MAX / 2,
    );
    turn(2_000);
    await schedule.onAlarm();
    expect([sent.length, failures]).toEqual([1, []]);
  });
});
