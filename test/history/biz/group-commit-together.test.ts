import { describe, expect, it } from "vitest";
import { CommitWait } from "../../../src/history/biz/commit-wait.ts";
import { GroupCommit } from "../../../src/history/biz/group-commit.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

/** Two clients have called lately, so that a commit waits for company; how many each one took. */
async function afterTwo() {
  const clock = new VirtualTime();
  const commits: number[] = [];
  const group = new GroupCommit<string, string>({
    wait: new CommitWait({ group: 20, waitMsMax: 250 }),
    clientOf: (item) => item,
    weightMax: 1_000,
    waitingWeightMax: 1_000,
    weightOf: () => 1,
    commit: (items) => {
      commits.push(items.length);
      return items.map(({ item }) => ({ result: item }));
    },
    now: clock.now,
    schedule: clock.after,
  });
  for (const client of ["x", "y"]) {
    await group.submit(client);
    clock.turn(150);
  }
  commits.length = 0;
  const together = (clients: readonly string[]): void => {
    for (const client of clients) void group.submitGathered(client);
    group.waitForMore(clients);
  };
  return { clock, commits, together };
}

describe("what comes in one call", () => {
  it("is counted by its clients: so many a second are a group soon", async () => {
    const { clock, commits, together } = await afterTwo();
    // None of them a group by itself, and together 97 within the last second.
    for (let call = 0; call < 5; call += 1)
      together(Array.from({ length: 19 }, (_, place) => `u-${call}-${place}`));
    clock.turn(205);
    expect(commits).toEqual([]);
    clock.turn(2);
    expect(commits).toEqual([95]);
  });

  it("waits for nobody else where all who have called lately are in it", async () => {
    const { commits, together } = await afterTwo();
    together(["x", "y"]);
    // The last commit was longer ago than any distance that is kept.
    expect(commits).toEqual([2]);
  });
});
