import { describe, expect, it } from "vitest";
import { isCode } from "../../../src/contracts/errors.ts";
import { GroupCommit } from "../../../src/history/biz/group-commit.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

function groupCommit(more: { weightMax?: number; waitingWeightMax?: number; failing?: boolean } = {}) {
  const clock = new VirtualTime();
  const commits: string[][] = [];
  const group = new GroupCommit<string, string>({
    spacingMs: 50,
    weightMax: more.weightMax ?? 100,
    waitingWeightMax: more.waitingWeightMax ?? 100,
    weightOf: () => 1,
    commit: (items) => {
      if (more.failing === true) throw new Error("the disk is full");
      commits.push([...items]);
      return items.map((item) =>
        item === "bad" ? { error: new Error("bad") } : { result: item.toUpperCase() },
      );
    },
    now: clock.now,
    schedule: clock.after,
  });
  return { clock, commits, group };
}

describe("group commit", () => {
  it("commits the first item after idle at once", async () => {
    const { commits, group } = groupCommit();
    expect(await group.submit("a")).toBe("A");
    expect(commits).toEqual([["a"]]);
  });

  it("fails an item that can't be committed alone", async () => {
    const { clock, commits, group } = groupCommit();
    await group.submit("a");
    const waiting = [group.submit("b"), group.submit("bad"), group.submit("c")];
    clock.turn(50);
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    expect(commits).toHaveLength(2);
  });

  it("lets all items that wait share the next commit, one spacing later", async () => {
    const { clock, commits, group } = groupCommit();
    await group.submit("a");
    const waiting = [group.submit("b"), group.submit("c"), group.submit("d")];
    clock.turn(49);
    expect(commits).toHaveLength(1);
    clock.turn(1);
    expect(commits).toEqual([["a"], ["b", "c", "d"]]);
    expect(await Promise.all(waiting)).toEqual(["B", "C", "D"]);
  });

  // I2
  it("answers nobody before the commit", async () => {
    const { clock, group } = groupCommit();
    await group.submit("a");
    let answered = false;
    const waiting = group.submit("b").then(() => (answered = true));
    await Promise.resolve();
    expect(answered).toBe(false);
    clock.turn(50);
    await waiting;
    expect(answered).toBe(true);
  });

  it("leaves what is too much for one commit to the next", () => {
    const { clock, commits, group } = groupCommit({ weightMax: 2 });
    void group.submit("a");
    for (const item of ["b", "c", "d"]) void group.submit(item);
    clock.turn(50);
    expect(commits.at(-1)).toEqual(["b", "c"]);
    clock.turn(50);
    expect(commits.at(-1)).toEqual(["d"]);
  });

  it("refuses what exceeds the waiting room, and takes it again later", async () => {
    const { clock, group } = groupCommit({ waitingWeightMax: 2 });
    await group.submit("a");
    void group.submit("b");
    void group.submit("c");
    expect(() => group.submit("d")).toThrow(
      expect.objectContaining({ code: "OVERLOADED", retryAfterMs: 1_000 }),
    );
    clock.turn(50);
    void group.submit("d");
  });

  it("tells everybody in a commit that failed, and nobody that it happened", async () => {
    const { group, commits } = groupCommit({ failing: true });
    await expect(group.submit("a")).rejects.toThrow("the disk is full");
    expect(commits).toEqual([]);
    expect(isCode(new Error("the disk is full"), "INTERNAL")).toBe(true);
  });

  it("does not wait longer when the clock steps back", async () => {
    const { clock, commits, group } = groupCommit();
    await group.submit("a");
    clock.stepBack(3_600_000);
    void group.submit("b");
    clock.turn(50);
    expect(commits).toHaveLength(2);
  });
});
