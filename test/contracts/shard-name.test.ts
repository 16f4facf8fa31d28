import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isCellName } from "../../src/contracts/cell.ts";
import { shardName, shardNamed, SHARDS_MAX } from "../../src/contracts/shard-name.ts";

const anyCell = fc.stringMatching(/^[a-z][a-z0-9]{0,15}$/).filter(isCellName);

describe("the name of a shard", () => {
  it("is what it was before there were cells, in main", () => {
    expect(shardName({ cell: "main", shard: 3 })).toBe("shard-3");
    expect(shardNamed("shard-3")).toEqual({ cell: "main", shard: 3 });
  });

  it("says cell and number, and no two shards have the same", () => {
    fc.assert(
      fc.property(anyCell, fc.nat(SHARDS_MAX - 1), (cell, shard) => {
        expect(shardNamed(shardName({ cell, shard }))).toEqual({ cell, shard });
      }),
    );
  });

  it.each(["main-3", "shard-4096", "shard-03", "shard-", "shard", "-3", "US-3", "us-1-2", "us-3 ", "", "3"])(
    "is none like %j",
    (name) => {
      expect(shardNamed(name)).toBeNull();
    },
  );
});
