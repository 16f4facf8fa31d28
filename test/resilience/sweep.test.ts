import { describe, expect, it } from "vitest";
import { sweepOf, type SweepStep } from "../../src/resilience/sweep.ts";

/** Something that has `rows` old rows, ten of which go in a round. */
function growing(what: string, rows: number) {
  const state = { rows, rounds: 0 };
  const step: SweepStep = {
    what,
    run: async () => {
      state.rounds += 1;
      state.rows = Math.max(0, state.rows - 10);
      return state.rows > 0;
    },
  };
  return { step, state };
}

const never = (what: string, error: unknown): never => expect.unreachable(`${what}: ${String(error)}`);

describe("a sweep", () => {
  it("runs a step again while there is more, in a bounded number of rounds", async () => {
    const few = growing("few", 25);
    const many = growing("many", 1_000);
    const sweep = sweepOf({ steps: [few.step, many.step], now: () => 0, onFailure: never });
    await sweep(0);
    expect([few.state, many.state]).toEqual([
      { rows: 0, rounds: 3 },
      { rows: 800, rounds: 20 },
    ]);
    for (let sweeps = 0; sweeps < 4; sweeps += 1) await sweep(0);
    expect(many.state.rows).toBe(0);
  });

  it("is told once of each step that fails, at once or later, and goes on with the others", async () => {
    const few = growing("prune a few", 25);
    const told: string[] = [];
    const broken: SweepStep[] = [
      { what: "wake", run: async () => Promise.reject(new Error("D1 is away")) },
      {
        what: "recall",
        run: () => {
          throw new Error("a bug");
        },
      },
    ];
    const sweep = sweepOf({
      steps: [...broken, few.step],
      now: () => 0,
      onFailure: (what) => void told.push(what),
    });
    await sweep(0);
    expect([told, few.state.rows]).toEqual([["wake", "recall"], 0]);
  });

  it("runs its steps in their order, by the earlier of two clocks", async () => {
    let nowMs = 1_000;
    const ran: (readonly [string, number])[] = [];
    const step = (what: string): SweepStep => ({ what, run: async (atMs) => void ran.push([what, atMs]) });
    const sweep = sweepOf({ steps: [step("a"), step("b")], now: () => nowMs, onFailure: never });
    await sweep(5_000);
    nowMs = 9_000;
    await sweep(5_000);
    expect(ran).toEqual([
      ["a", 1_000],
      ["b", 1_000],
      ["a", 5_000],
      ["b", 5_000],
    ]);
  });
});
