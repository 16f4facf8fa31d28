import { describe, expect, it } from "vitest";
import { isCellName } from "../../../src/contracts/cell.ts";
import { shardName } from "../../../src/contracts/shard-name.ts";
import { shardOf } from "../../../src/history/biz/shard-mapping.ts";
import { cometOfGuest, cometOfUser } from "../../../src/realtime/biz/comet-name.ts";

const USERS = Array.from({ length: 500 }, (_, index) => `user-${index}`);

describe("a comet", () => {
  it.each(["main", "us"])("is named like the shard that keeps its user's history, in cell %s", (cell) => {
    for (const shards of [1, 4, 17])
      for (const userId of USERS) {
        const shard = shardOf(userId, { version: 1, shards });
        expect(cometOfUser({ userId, cell }, shards)).toBe(shardName({ cell, shard }));
      }
  });

  it("of who has no cell is one of main", () => {
    expect(cometOfUser({ userId: "ada" }, 1)).toBe("shard-0");
  });

  it("of guests is theirs by their key, and no cell's", () => {
    const comets = new Set(USERS.map((key) => cometOfGuest(key, 16)));
    expect(comets.size).toBe(16);
    for (const comet of comets) expect(comet).toMatch(/^sub-\d+$/);
    expect(cometOfGuest("a", 16)).toBe(cometOfGuest("a", 16));
    expect(isCellName("sub")).toBe(false);
  });
});
