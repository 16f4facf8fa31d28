import { describe, expect, it } from "vitest";
import { wakeAndRaiseFormat } from "../../../src/history/biz/raise-format.ts";
import type { LogFormats } from "../../../src/history/biz/shard-rpc.ts";

interface CellOptions {
  /** Shards that fail while they are told to write the newer format. */
  readonly failsToRaise?: readonly number[];
}

/**
 * A cell of shards that answer so: one of the release before nothing, one that is away an error.
 */
function cellOf(
  answers: readonly (LogFormats | undefined | Error)[],
  { failsToRaise = [] }: CellOptions = {},
) {
  const formats = answers.map((answer) => (answer instanceof Error ? answer : answer && { ...answer }));
  const woken: number[] = [];
  const raised: number[] = [];
  const sweep = (): Promise<void> =>
    wakeAndRaiseFormat({
      shards: formats.length,
      format: 2,
      wake: async (shard) => {
        woken.push(shard);
        const answer = formats[shard];
        if (answer instanceof Error) throw answer;
        return answer;
      },
      raiseFormat: async (shard, format) => {
        if (failsToRaise.includes(shard)) throw new Error(`shard ${shard} is reset`);
        raised.push(shard);
        formats[shard] = { known: format, written: format };
      },
    });
  return { sweep, woken, raised, formats };
}

const sorted = (shards: readonly number[]) => shards.toSorted((a, b) => a - b);

const NEW = { written: 1, known: 2 };
const RAISED = { written: 2, known: 2 };

describe("a sweep over a cell's shards", () => {
  it("has all write what all know, once: afterwards it only wakes them", async () => {
    const { sweep, woken, raised } = cellOf([NEW, NEW, RAISED]);
    await sweep();
    expect([woken, sorted(raised)]).toEqual([
      [0, 1, 2],
      [0, 1],
    ]);
    await sweep();
    expect([woken.length, raised.length]).toEqual([6, 2]);
  });

  it.each([
    ["is of the release before", undefined],
    ["knows less", { written: 1, known: 1 }],
  ])("raises none while one of them %s, and all once that one has gone", async (_, old) => {
    const { sweep, woken, raised, formats } = cellOf([NEW, old, RAISED]);
    await sweep();
    expect([woken, raised]).toEqual([[0, 1, 2], []]);
    formats[1] = NEW;
    await sweep();
    expect(sorted(raised)).toEqual([0, 1]);
  });

  it("raises none while one of them is away, wakes the others and says so", async () => {
    const { sweep, woken, raised } = cellOf([new Error("shard 0 is away"), NEW, NEW]);
    await expect(sweep()).rejects.toThrow("shard 0 is away");
    expect([woken, raised]).toEqual([[0, 1, 2], []]);
  });

  it("raises the others where one fails while it is told, says so, and goes on with it the next time", async () => {
    const failsToRaise = [1];
    const { sweep, raised } = cellOf([NEW, NEW, NEW], { failsToRaise });
    await expect(sweep()).rejects.toThrow("shard 1 is reset");
    expect(sorted(raised)).toEqual([0, 2]);
    failsToRaise.pop();
    await sweep();
    expect(sorted(raised)).toEqual([0, 1, 2]);
  });

  it("lowers none that a later release has raised", async () => {
    const { sweep, raised } = cellOf([{ written: 3, known: 3 }, NEW]);
    await sweep();
    expect(raised).toEqual([1]);
  });
});
