import { describe, expect, it } from "vitest";
import { parseCells } from "../../../src/contracts/cell.ts";
import { CellCheck } from "../../../src/identity/biz/cell-check.ts";
import { lostCells } from "../../../src/identity/biz/lost-cells.ts";

/** A check over a store that counts how often it is asked, under a clock that can be turned. */
function checkOf(cells: string) {
  const world = { inUse: ["us"] as readonly string[], isAway: false, nowMs: 1_000, asked: 0 };
  const told: string[] = [];
  const check = new CellCheck({
    cells: parseCells(cells),
    store: {
      inUse: async () => {
        world.asked += 1;
        if (world.isAway) throw new Error("the database is away");
        return world.inUse;
      },
    },
    now: () => world.nowMs,
    onRefused: (why) => void told.push(why),
  });
  return { world, told, check };
}

describe("an isolate", () => {
  it("looks once whether each cell with users is there, and never again", async () => {
    const { world, check } = checkOf("main,us,jp");
    await check.begin();
    expect([check.begin(), check.begin(), world.asked]).toEqual([undefined, undefined, 1]);
  });

  it("does nothing as long as one is missing, says so once, and goes on when it is mended", async () => {
    const { world, told, check } = checkOf("main,jp");
    for (let call = 0; call < 3; call += 1)
      await expect(check.begin()).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("CELLS: lacks the cell us"),
        retryAfterMs: 10_000,
      });
    expect(told).toHaveLength(1);
    world.inUse = [];
    await check.begin();
    expect(check.begin()).toBeUndefined();
  });

  it("goes on where it can't know, and looks again, however the clock is turned meanwhile", async () => {
    const { world, check } = checkOf("main");
    world.isAway = true;
    await check.begin();
    expect(check.begin()).toBeUndefined();
    world.nowMs += 59_999;
    expect(check.begin()).toBeUndefined();
    expect(world.asked).toBe(1);
    world.nowMs += 1;
    await check.begin();
    expect(world.asked).toBe(2);
    world.nowMs -= 86_400_000;
    world.isAway = false;
    await expect(check.begin()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("cells that were lost", () => {
  it("are named, and nothing is said of those that have no users", () => {
    const cells = parseCells("main,jp");
    expect(lostCells(cells, [])).toBeNull();
    expect(lostCells(cells, ["jp"])).toBeNull();
    expect(lostCells(cells, ["us", "jp"])).toMatch(/CELLS: lacks the cell us, which has users/);
    expect(lostCells(cells, ["br", "us"])).toMatch(/lacks the cells br, us, which have users/);
  });
});
