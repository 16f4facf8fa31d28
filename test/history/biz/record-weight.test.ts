import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";

interface Weight {
  readonly heapBytes: number;
  readonly believedBytes: number;
  readonly storedBytes: number;
  readonly believedStored: number;
}

function weigh(users: number, items: number): Weight {
  const script = `${PROJECT_ROOT}test/history/support/weigh-pending.ts`;
  return JSON.parse(
    execFileSync(process.execPath, [script, String(users), String(items)], { encoding: "utf8" }),
  ) as Weight;
}

describe("what a shard believes that pending records weigh", () => {
  it.each([
    [20_000, 1],
    [2_000, 10],
    [20, 1_000],
  ])("is what they weigh: %i users with %i items each", (users, items) => {
    const { heapBytes, believedBytes, storedBytes, believedStored } = weigh(users, items);
    expect(heapBytes / believedBytes).toBeGreaterThan(0.7);
    expect(heapBytes / believedBytes).toBeLessThan(1.05);
    expect(storedBytes / believedStored).toBeGreaterThan(0.5);
    expect(storedBytes / believedStored).toBeLessThan(1);
  });
});
