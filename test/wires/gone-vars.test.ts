import { describe, expect, it, vi } from "vitest";
import { Playback } from "../../src/history/worker.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { historyBindings, hungD1, hungService, namespaceOf } from "../support/workers/hung-bindings.ts";

vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

/** What history says of its vars when it is first asked for something, and what it answers. */
async function toldWith(vars: object) {
  const lines: unknown[] = [];
  const warn = vi
    .spyOn(console, "warn")
    .mockImplementation((line: string) => void lines.push(JSON.parse(line)));
  const env = {
    ...historyBindings(),
    LOG_LEVEL: "warn",
    SHARD: namespaceOf({ report: async () => ({ accepted: 1, ignored: 0 }) }),
    MAPPING: namespaceOf(hungService()),
    HISTORY_DB_0: hungD1(),
    FLUSH_QUEUE: hungService(),
    ...vars,
  } as unknown as HistoryEnv;
  const ask = (): Promise<unknown> => {
    const playback = new Playback({ waitUntil: () => undefined } as unknown as ExecutionContext, env);
    return playback.report(contextOf(900), [
      { kind: "video", itemId: "m1", positionMs: 1, event: "playing" },
    ]);
  };
  const answers = [await ask(), await ask()];
  warn.mockRestore();
  return { lines, answers };
}

const TAKEN = { accepted: 1, ignored: 0 };

describe("a var of an earlier release that is still set", () => {
  it("keeps no worker from starting, and is told once, with what to set instead", async () => {
    const { lines, answers } = await toldWith({ COMMIT_SPACING_MS: "50" });
    expect(answers).toEqual([TAKEN, TAKEN]);
    expect(lines).toEqual([
      {
        level: "warn",
        worker: "playhead-history",
        event: "var is gone",
        var: "COMMIT_SPACING_MS",
        instead: "COMMIT_GROUP, COMMIT_WAIT_MS_MAX",
      },
    ]);
  });

  it("is told also where it is still read, until what it says is stored", async () => {
    const { lines, answers } = await toldWith({ HISTORY_BUCKETS: "0-1023=0" });
    expect(answers).toEqual([TAKEN, TAKEN]);
    expect(lines).toMatchObject([{ event: "var is gone", var: "HISTORY_BUCKETS" }]);
  });

  it("is refused where it is still read and can't be", async () => {
    await expect(toldWith({ HISTORY_BUCKETS: "0-1022=0" })).rejects.toThrow(
      "HISTORY_BUCKETS: bucket 1023 is in no range",
    );
  });

  it("is not told of where it isn't", async () => {
    expect((await toldWith({})).lines).toEqual([]);
  });
});

describe("a var that makes no sense", () => {
  it.each([
    ["COMMIT_GROUP", "0", "a whole number in 1 … 1000"],
    ["COMMIT_GROUP", "1001", "a whole number in 1 … 1000"],
    ["COMMIT_WAIT_MS_MAX", "401", "a whole number in 0 … 400"],
    ["COMMIT_WAIT_MS_MAX", "soon", "a whole number in 0 … 400"],
    ["STARTED_AT_MS", "0", "a whole number in 1 … 3600000"],
    ["REPORT_PACE_MS", "999", "a whole number in 1000 … 600000"],
  ])("is refused: %s = %s", async (name, value, rule) => {
    await expect(toldWith({ [name]: value })).rejects.toThrow(`${name}: must be ${rule}`);
  });

  it("is refused in its own words: FINISHED_AT without what holds for all others", async () => {
    await expect(toldWith({ FINISHED_AT: "video=0.9" })).rejects.toThrow("FINISHED_AT: *=<share> is missing");
  });
});
