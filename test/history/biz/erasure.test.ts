import { describe, expect, it } from "vitest";
import { eraseUser } from "../../../src/history/biz/erasure.ts";

/**
 * An erasure over two databases and `letters` steps' worth of old dead letters, and what it did in
 * order.
 */
function erasure(letters: number) {
  const did: string[] = [];
  const state = { letters };
  const run = () =>
    eraseUser(
      {
        eraseInShard: async () => void did.push("shard"),
        eraseInDatabases: [async () => void did.push("0"), async () => void did.push("1")],
        pruneOldLetters: async () => {
          state.letters = Math.max(0, state.letters - 1);
          return state.letters > 0;
        },
      },
      "ada",
    );
  return { run, did, state };
}

describe("an erasure", () => {
  it("goes to the shard first, then to every database", async () => {
    const { run, did } = erasure(0);
    await run();
    expect(did).toEqual(["shard", "0", "1"]);
  });

  it("is not done while dead letters of an earlier release are left, deletes a bounded part of them and gets there in the end", async () => {
    const { run, state, did } = erasure(25);
    await expect(run()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(did).toEqual(["shard", "0", "1"]);
    expect(state.letters).toBeGreaterThan(0);
    await expect(run()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await run();
    expect(state.letters).toBe(0);
  });
});
