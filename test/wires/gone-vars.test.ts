import { describe, expect, it, vi } from "vitest";
import { Playback } from "../../src/history/worker.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { guardBindings, hungD1, hungService, namespaceOf } from "../support/workers/hung-bindings.ts";

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
    ...guardBindings(),
    LOG_LEVEL: "warn",
    FLUSH_WINDOW_MS: "300000",
    COMMIT_GROUP: "20",
    COMMIT_WAIT_MS_MAX: "250",
    HISTORY_SHARDS: "1",
    HISTORY_BUCKETS: "0-1023=0",
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

  it("is not told of where it isn't", async () => {
    expect((await toldWith({})).lines).toEqual([]);
  });
});

describe("a var of a commit's wait that makes no sense", () => {
  it.each([
    ["COMMIT_GROUP", "0", "a whole number in 1 … 1000"],
    ["COMMIT_GROUP", "1001", "a whole number in 1 … 1000"],
    ["COMMIT_WAIT_MS_MAX", "401", "a whole number in 0 … 400"],
    ["COMMIT_WAIT_MS_MAX", "soon", "a whole number in 0 … 400"],
  ])("is refused: %s = %s", async (name, value, rule) => {
    await expect(toldWith({ [name]: value })).rejects.toThrow(`${name}: must be ${rule}`);
  });
});
