import { describe, expect, it } from "vitest";
import type { LedgerChange } from "../../../src/contracts/ledger.ts";
import { ChangeTailer } from "../../../src/ledger/biz/change-tailer.ts";

const CHANGES = 2_500;

/** A log of many changes, and a sink that takes so long for a batch. */
function scene(msABatch: number) {
  const state = { nowMs: 1_000_000, cursor: 0, published: [] as number[] };
  const tailer = new ChangeTailer({
    store: {
      after: async (seq, limit) =>
        Array.from({ length: Math.min(limit, CHANGES - seq) }, (_, index): LedgerChange => {
          const number = seq + 1 + index;
          return {
            seq: number,
            ledger: "wallet",
            userId: "ann",
            transferId: `t-${number}`,
            amount: 1,
            balance: number,
            at: 1,
          };
        }),
      publishedSeq: async () => state.cursor,
      published: async (seq) => void (state.cursor = seq),
      enable: async () => undefined,
    },
    sink: {
      publish: async (changes) => {
        state.nowMs += msABatch;
        state.published.push(...changes.map(({ seq }) => seq));
      },
    },
    now: () => state.nowMs,
  });
  return { state, tailer };
}

describe("who tells changes", () => {
  it("tells a thousand a run, in order, and says that there are more", async () => {
    const { state, tailer } = scene(0);
    expect([await tailer.run(), state.cursor]).toEqual([true, 1_000]);
    expect([await tailer.run(), await tailer.run(), state.cursor]).toEqual([true, false, CHANGES]);
    expect(state.published).toEqual(Array.from({ length: CHANGES }, (_, index) => index + 1));
  });

  it("begins no other batch after two seconds: messages of money wait for its end", async () => {
    const { state, tailer } = scene(1_500);
    expect(await tailer.run()).toBe(true);
    expect([state.cursor, state.nowMs]).toEqual([200, 1_003_000]);
  });
});
