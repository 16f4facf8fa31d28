import { describe, expect, it } from "vitest";
import { pruneOld, type Retention } from "../../../src/history/biz/retention.ts";

/** Something that has `rows` old rows, ten of which go in a step. */
function growing(what: string, rows: number) {
  const state = { rows, steps: 0 };
  const retention: Retention = {
    what,
    prune: async () => {
      state.steps += 1;
      state.rows = Math.max(0, state.rows - 10);
      return state.rows > 0;
    },
  };
  return { retention, state };
}

const broken: Retention = { what: "letters", prune: async () => Promise.reject(new Error("D1 is away")) };

describe("retention", () => {
  it("deletes what is old until nothing is, in a bounded number of steps a run", async () => {
    const few = growing("few", 25);
    const many = growing("many", 1_000);
    const run = () =>
      pruneOld({ retentions: [few.retention, many.retention], now: () => 0, onFailure: () => undefined });
    await run();
    expect([few.state, many.state]).toEqual([
      { rows: 0, steps: 3 },
      { rows: 800, steps: 20 },
    ]);
    for (let runs = 0; runs < 4; runs += 1) await run();
    expect(many.state.rows).toBe(0);
  });

  it("of one thing that fails is told and keeps no other from its turn", async () => {
    const few = growing("few", 25);
    const told: string[] = [];
    await pruneOld({
      retentions: [broken, few.retention],
      now: () => 0,
      onFailure: (what) => void told.push(what),
    });
    expect([told, few.state.rows]).toEqual([["prune letters"], 0]);
  });
});
