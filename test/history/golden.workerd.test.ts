import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { GoldenCall } from "../fixtures/golden/golden-records.ts";
import { fromTomorrow } from "../support/golden/from-tomorrow.ts";
import { goldenRecords } from "../support/golden/golden-binding.ts";
import { Replay } from "../support/golden/replay.ts";
import { replayedCalls } from "../support/golden/replayed-calls.ts";
import { plainPromises } from "../support/workers/plain-promises.ts";

const calls = goldenRecords(env).filter((record): record is GoldenCall => record.kind === "call");
const entrypoints = exports as unknown as Readonly<Record<string, object>>;
const shards = env.SHARD as unknown as { getByName(name: string): object };
/** What depends on how many shards there are, and when. */
const VOLATILE = [
  "shards",
  "pending",
  "pendingBytes",
  "oldestPendingMs",
  "cachedUsers",
  "liveLogRows",
  "liveLogBytes",
  "shard",
  "flushWindowMs",
];

describe("a caller of the release before", () => {
  it("is answered by the entrypoints, call by call, what its own history answered", async () => {
    const entry = calls.filter(({ target }) => ["Playback", "Operations", "Erasure"].includes(target));
    expect(entry.length).toBeGreaterThan(15);
    const replay = new Replay({}, VOLATILE);
    const services = (target: string): object => plainPromises(entrypoints[target] ?? {});
    expect(await replayedCalls(entry, replay, ({ target }) => services(target))).toEqual([]);
  });

  it("may be one of a later release, which says more than is known here", async () => {
    const reads = calls.filter(({ target }) => target === "Playback");
    const said = reads.map((call) => ({ ...call, args: call.args.map(fromTomorrow) }));
    const playback = plainPromises(entrypoints["Playback"] ?? {});
    const replay = new Replay({}, VOLATILE);
    const differences = await replayedCalls(said, replay, () => playback);
    // All of it was reported before, so that nothing is new.
    const told = differences.filter((line) => !/report\.(accepted|ignored)/.test(line));
    expect(told).toEqual([]);
  });

  it("is answered by a shard, call by call, what its own shard answered", async () => {
    const toShard = calls.filter(({ target }) => target === "HistoryShard");
    expect(new Set(toShard.map(({ method }) => method)).size).toBe(13);
    const replay = new Replay({}, VOLATILE);
    const shard = plainPromises(shards.getByName("shard-3"));
    // As the release before says which mapping it goes by.
    const { version, shards: count } = (await shardMapping()) as { version: number; shards: number };
    const here = (value: unknown): unknown =>
      isMappingBefore(value) ? { ...value, version, shards: count } : value;
    const said = toShard.map((call) => ({ ...call, args: call.args.map(here) }));
    const differences = await replayedCalls(said, replay, () => shard);
    // It says now which formats of the log it knows; nobody had looked at its answer.
    expect(differences.filter((line) => !line.startsWith("HistoryShard.wake: "))).toEqual([]);
  });
});

/** Known to a shard, which tells it to whoever goes by another. */
async function shardMapping(): Promise<object> {
  const shard = shards.getByName("shard-3") as {
    forgetView(userId: string, callers: object): Promise<{ readonly elsewhere: object } | null>;
  };
  const answer = await shard.forgetView("nobody", { version: 0, shards: 1 });
  if (answer === null) throw new Error("the shard goes by a mapping of nobody's");
  return answer.elsewhere;
}

function isMappingBefore(value: unknown): value is object {
  if (typeof value !== "object" || value === null || !("version" in value)) return false;
  return value.version === 1 && "shards" in value && value.shards === 4;
}
