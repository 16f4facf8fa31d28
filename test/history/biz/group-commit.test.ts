import { describe, expect, it } from "vitest";
import { isCode } from "../../../src/contracts/errors.ts";
import { CommitWait } from "../../../src/history/biz/commit-wait.ts";
import { GroupCommit } from "../../../src/history/biz/group-commit.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const WAIT_MS_MAX = 250;

function groupCommit(more: { weightMax?: number; waitingWeightMax?: number; failing?: boolean } = {}) {
  const clock = new VirtualTime();
  const commits: string[][] = [];
  const waits: number[] = [];
  let timers = 0;
  const group = new GroupCommit<string, string>({
    wait: new CommitWait({ group: 20, waitMsMax: WAIT_MS_MAX }),
    clientOf: (item) => item,
    weightMax: more.weightMax ?? 100,
    waitingWeightMax: more.waitingWeightMax ?? 100,
    weightOf: () => 1,
    commit: (items) => {
      if (more.failing === true) throw new Error("the disk is full");
      commits.push(items.map(({ item }) => item));
      waits.push(...items.map(({ waitedMs }) => waitedMs));
      return items.map(({ item }) =>
        item === "bad" ? { error: new Error("bad") } : { result: item.toUpperCase() },
      );
    },
    now: clock.now,
    schedule: (delayMs, callback) => {
      timers += 1;
      const off = clock.after(delayMs, () => {
        timers -= 1;
        callback();
      });
      return () => {
        timers -= 1;
        off();
      };
    },
  });
  /** Others have called lately, and often enough that a commit waits for company. */
  const keepBusy = async (): Promise<void> => {
    for (const other of ["x", "y"]) {
      await group.submit(other);
      clock.turn(150);
    }
    commits.length = 0;
    waits.length = 0;
  };
  return { clock, commits, waits, group, keepBusy, timers: () => timers };
}

describe("group commit", () => {
  it("commits the first item after idle at once, and tells of no wait", async () => {
    const { commits, waits, group, timers } = groupCommit();
    expect(await group.submit("a")).toBe("A");
    expect([commits, waits, timers()]).toEqual([[["a"]], [0], 0]);
  });

  it("fails an item that can't be committed alone", async () => {
    const { clock, commits, group, keepBusy } = groupCommit();
    await keepBusy();
    const waiting = [group.submit("b"), group.submit("bad"), group.submit("c")];
    clock.turn(WAIT_MS_MAX);
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    expect(commits).toHaveLength(1);
  });

  it("lets all items that come within the first one's wait share a commit, and tells each how long it has waited", async () => {
    const { clock, commits, waits, group, keepBusy } = groupCommit();
    await keepBusy();
    const waiting = [group.submit("b")];
    clock.turn(100);
    waiting.push(group.submit("c"), group.submit("d"));
    clock.turn(WAIT_MS_MAX - 101);
    expect(commits).toEqual([]);
    clock.turn(1);
    expect(commits).toEqual([["b", "c", "d"]]);
    expect(waits).toEqual([250, 150, 150]);
    expect(await Promise.all(waiting)).toEqual(["B", "C", "D"]);
  });

  // I2
  it("answers nobody before the commit", async () => {
    const { clock, group, keepBusy } = groupCommit();
    await keepBusy();
    let answered = false;
    const waiting = group.submit("b").then(() => (answered = true));
    await Promise.resolve();
    expect(answered).toBe(false);
    clock.turn(WAIT_MS_MAX);
    await waiting;
    expect(answered).toBe(true);
  });

  it("waits no longer than half of what the least patient has left when it comes", async () => {
    const { clock, commits, waits, group, keepBusy } = groupCommit();
    await keepBusy();
    void group.submit("patient", 845);
    clock.turn(10);
    void group.submit("hurried", 60);
    clock.turn(29);
    expect(commits).toEqual([]);
    clock.turn(1);
    expect(commits).toEqual([["patient", "hurried"]]);
    expect(waits).toEqual([40, 30]);
    // Nor does anything wait for whom no time is left.
    void group.submit("patient", 845);
    expect(await group.submit("late", 0)).toBe("LATE");
    expect(commits.at(-1)).toEqual(["patient", "late"]);
  });

  it("goes on waiting for company, though each that comes cuts the wait short", async () => {
    const { clock, commits, group, keepBusy } = groupCommit();
    await keepBusy();
    for (let round = 0; round < 6; round += 1) {
      void group.submit(`patient-${round}`, 845);
      clock.turn(10);
      void group.submit(`hurried-${round}`, 60);
      clock.turn(140);
    }
    expect(commits.map(({ length }) => length)).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it("takes for a wait on purpose only what was meant: a timer that goes off late has waited behind other work", async () => {
    const { clock, waits, group, keepBusy } = groupCommit();
    await keepBusy();
    void group.submit("b");
    clock.block(900);
    clock.turn(0);
    expect(waits).toEqual([WAIT_MS_MAX]);
  });

  it("commits as soon as all who have called within the last second wait, and leaves no timer behind", async () => {
    const { clock, commits, group, timers } = groupCommit();
    const clients = ["ada", "bob", "cleo"];
    let answers = 0;
    const ask = async (client: string): Promise<void> => {
      for (; ; answers += 1) {
        await group.submit(client);
        await clock.sleep(1);
      }
    };
    for (const client of clients) void ask(client);
    for (let ms = 0; ms < 5_000; ms += 1) await clock.runUntil(clock.now() + 1).then(() => undefined);
    // 3 clients that are answered within a ms or two: thousands, not the 12 a second of full waits.
    expect(answers).toBeGreaterThan(5_000);
    expect(timers()).toBeLessThanOrEqual(1);
    expect(commits.at(-1)?.length).toBeGreaterThan(0);
  });

  it("keeps no timer beyond a commit", async () => {
    const { clock, group, keepBusy, timers } = groupCommit();
    await keepBusy();
    void group.submit("b");
    expect(timers()).toBe(1);
    clock.turn(WAIT_MS_MAX);
    expect(timers()).toBe(0);
    void group.submit("c");
    await group.submit("hurried", 0);
    expect(timers()).toBe(0);
  });

  it("leaves what is too much for one commit to the next, which follows at once", async () => {
    const { clock, commits, group, keepBusy } = groupCommit({ weightMax: 2 });
    await keepBusy();
    for (const item of ["b", "c", "d"]) void group.submit(item);
    clock.turn(WAIT_MS_MAX);
    expect(commits).toEqual([["b", "c"], ["d"]]);
  });

  it("refuses what exceeds the waiting room, and takes it again later", async () => {
    const { clock, group, keepBusy } = groupCommit({ waitingWeightMax: 2 });
    await keepBusy();
    void group.submit("b");
    void group.submit("c");
    expect(() => group.submit("d")).toThrow(
      expect.objectContaining({ code: "OVERLOADED", retryAfterMs: 1_000 }),
    );
    clock.turn(WAIT_MS_MAX);
    void group.submit("d");
  });

  it("tells everybody in a commit that failed, and nobody that it happened", async () => {
    const { group, commits } = groupCommit({ failing: true });
    await expect(group.submit("a")).rejects.toThrow("the disk is full");
    expect(commits).toEqual([]);
    expect(isCode(new Error("the disk is full"), "INTERNAL")).toBe(true);
  });

  it.each([
    ["back", 3_600_000],
    ["ahead", -3_600_000],
  ])("does not wait longer when the clock is set %s", async (_way, ms) => {
    const { clock, commits, waits, group, keepBusy } = groupCommit();
    await keepBusy();
    void group.submit("b");
    clock.turn(100);
    clock.stepBack(ms);
    void group.submit("c");
    clock.turn(WAIT_MS_MAX + 3_600_000);
    expect(commits.flat()).toEqual(["b", "c"]);
    for (const waitedMs of waits) expect(waitedMs).toBeLessThanOrEqual(WAIT_MS_MAX);
  });
});
