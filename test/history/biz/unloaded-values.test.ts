import { describe, expect, it } from "vitest";
import { UnloadedValues, type UnloadedValue } from "../../../src/history/biz/unloaded-values.ts";

const NO_ROWS = { retain: () => undefined, release: () => undefined, gone: () => undefined };
const KEY = { userId: "ada", kind: "video", itemId: "film" };

const value = (seq: number, atMs: number, endpoint: string): UnloadedValue => ({
  ...KEY,
  seq,
  atMs,
  rev: 1_000 + seq,
  endpoint,
  sinceMs: 0,
});

/** Which of these keys a restart waits for that finds them in this order. */
function waitedFor(...found: readonly UnloadedValue[]): number | undefined {
  const values = new UnloadedValues(NO_ROWS);
  for (const one of found) values.put(one);
  expect(values.count).toBe(1);
  return values.get(KEY)?.seq;
}

describe("keys that a restart has found", () => {
  it("is the latest dated at one endpoint, whichever row came later", () => {
    expect(waitedFor(value(1, 9_000, "a"), value(2, 5_000, "a"))).toBe(1);
    expect(waitedFor(value(1, 5_000, "a"), value(2, 9_000, "a"))).toBe(2);
  });

  it("is the later row's where that is elsewhere: what the earlier one said was over", () => {
    expect(waitedFor(value(1, 9_000, "a"), value(2, 5_000, "b"))).toBe(2);
    expect(waitedFor(value(2, 5_000, "b"), value(1, 4_000, "a"))).toBe(2);
  });
});
