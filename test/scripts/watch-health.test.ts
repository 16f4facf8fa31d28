import { describe, expect, it } from "vitest";
import { watchHealth } from "../../scripts/runtime/watch-health.ts";

const answered = Promise.resolve();
const silent = (): Promise<never> => Promise.reject(new Error("silent"));

/** Plays so many questions, then fires the signal. */
function play(answers: readonly (() => Promise<unknown>)[]) {
  const over = new AbortController();
  const pauses: number[] = [];
  let asked = 0;
  const ask = (): Promise<unknown> => {
    const answer = answers[asked++];
    if (answer !== undefined) return answer();
    over.abort();
    return silent();
  };
  const watch = watchHealth({ ask, pause: async (ms) => void pauses.push(ms) }, over.signal);
  return { watch, pauses };
}

describe("the watch over the runtime", () => {
  it("says in one line that it has frozen, after three silences in a row", async () => {
    await expect(play([() => answered, silent, silent, silent]).watch).rejects.toThrow(
      /frozen: \/healthz was silent 3 times/,
    );
  });

  it("takes an answer in between for life, and an end for no silence", async () => {
    const { watch, pauses } = play([silent, silent, () => answered, silent, silent]);
    await expect(watch).resolves.toBeUndefined();
    expect(pauses.slice(0, 5)).toEqual([1_000, 1_000, 3_000, 1_000, 1_000]);
  });
});
