import { describe, expect, it } from "vitest";
import { failuresOfCells } from "../../../src/history/biz/failures-of-cells.ts";

const read = async () => ({
  deadLetters: 2,
  rejected: 1,
  failures: [{ kind: "dead_flush", total: 2, lastAt: 7 }],
});

describe("what has gone wrong in several cells", () => {
  it("is one sum, kind by kind", async () => {
    const other = async () => ({
      deadLetters: 1,
      rejected: 0,
      failures: [
        { kind: "bad_key", total: 4, lastAt: 3 },
        { kind: "dead_flush", total: 1, lastAt: 5 },
      ],
    });
    expect(await failuresOfCells([read, other])()).toEqual({
      deadLetters: 3,
      rejected: 1,
      failures: [
        { kind: "bad_key", total: 4, lastAt: 3 },
        { kind: "dead_flush", total: 3, lastAt: 7 },
      ],
    });
  });

  it("is not known while one can't be asked", async () => {
    const away = () => Promise.reject(new Error("away"));
    await expect(failuresOfCells([read, away])()).rejects.toThrow("away");
  });
});
