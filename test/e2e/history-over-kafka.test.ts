import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { KafkaStandIn } from "../support/kafka/kafka-stand-in.ts";
import { serveKafka } from "../support/kafka/kafka-stand-in-server.ts";
import { historyRowsOnDisk } from "../support/platforms/d1-history-rows.ts";
import { startLoneHistory, type LoneHistory } from "../support/platforms/lone-history.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

/*
 * The history in the real runtime, whose bus is Kafka over REST: a stand-in, for what a real one
 * can't be made to do. The tests go on from each other.
 */

const TOPIC = "playhead-history-flush";
const PARTITIONS = 2;
const VARS = {
  LOG_LEVEL: "silent",
  // Nothing leaves a shard until an operator flushes.
  FLUSH_WINDOW_MS: "3600000",
  HISTORY_SHARDS: "2",
  COMMIT_WAIT_MS_MAX: "0",
};
const VIEWERS = Array.from({ length: 6 }, (_, number) => `01a21486-057d-7712-8c88-00000000000${number}`);
const PATIENCE = { timeout: 20_000, interval: 50 };

const kafka = new KafkaStandIn({ topics: { [TOPIC]: PARTITIONS } });
const state = mkdtempSync(join(tmpdir(), "playhead-bus-"));
let front: Awaited<ReturnType<typeof serveKafka>>;
let history: LoneHistory | null = null;
/** By viewer the item that was reported last, all of which must be in D1 in the end. */
const reported = new Map<string, string[]>();

async function start(bus: "kafka" | "queue" = "kafka"): Promise<LoneHistory> {
  const { vars, secrets } = front;
  history = await startLoneHistory({ state, vars: { ...VARS, ...vars, HISTORY_BUS: bus }, secrets });
  return history;
}

async function stop(): Promise<void> {
  await history?.stop();
  history = null;
}

async function watch(one: LoneHistory, itemId: string): Promise<void> {
  for (const viewer of VIEWERS) {
    await one.report(viewer, [{ kind: "video", itemId, positionMs: 60_000, event: "playing" }]);
    reported.set(viewer, [...(reported.get(viewer) ?? []), `video/${itemId}`]);
  }
}

const pending = async (one: LoneHistory): Promise<number> =>
  (await one.overview()).shards.reduce((sum, shard) => sum + shard.pending, 0);

async function untilWritten(one: LoneHistory): Promise<void> {
  await vi.waitFor(async () => expect(await pending(one)).toBe(0), PATIENCE);
}

beforeAll(async () => {
  front = await serveKafka(kafka);
  copyMigratedState(state);
});
afterEach(stop);
afterAll(() => {
  front.close();
  rmSync(state, { recursive: true, force: true });
});

describe("a history whose bus is Kafka", () => {
  it("writes back what was reported, and is behind in no partition then", async () => {
    const one = await start();
    await watch(one, "first");
    expect(kafka.all(TOPIC)).toEqual([]);
    await one.flush();
    await untilWritten(one);
    expect(kafka.all(TOPIC).length).toBeGreaterThan(0);
    await vi.waitFor(async () => {
      const { bus } = await one.overview();
      expect(bus).toEqual(
        Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, lag: 0, late: 0 })),
      );
    }, PATIENCE);
  });

  it("is held up by no message that can't be read, and counts it", async () => {
    const one = await start();
    for (const value of ["{", '{"type":"flush"}', "null"])
      for (const key of ["shard-0", "shard-1"]) kafka.append({ topic: TOPIC, key, value });
    await watch(one, "second");
    await one.flush();
    await untilWritten(one);
    const { failures } = await one.overview();
    expect(failures).toContainEqual(expect.objectContaining({ kind: "unreadable", total: 6 }));
  });

  it("does everything once in effect where requests are done twice, or without an answer", async () => {
    const one = await start();
    kafka.faults.push({ path: "/produce", fault: "twice" }, { path: "/produce", fault: "answer lost" });
    await watch(one, "third");
    await one.flush().catch(() => undefined);
    await vi.waitFor(async () => {
      await one.flush().catch(() => undefined);
      expect(await pending(one)).toBe(0);
    }, PATIENCE);
    expect(kafka.faults).toEqual([]);
  });

  it("loses nothing while Kafka is away, and shows that it is; when it is back it is written by itself", async () => {
    const one = await start();
    front.state.isAway = true;
    await watch(one, "fourth");
    await one.flush().catch(() => undefined);
    expect(await pending(one)).toBe(VIEWERS.length);
    expect((await one.overview()).bus).toBeNull();
    front.state.isAway = false;
    await vi.waitFor(async () => {
      await one.flush().catch(() => undefined);
      expect(await pending(one)).toBe(0);
    }, PATIENCE);
  });

  it("goes on where it was in a new life, and finds by the sweep what nobody has woken it for", async () => {
    const before = kafka.all(TOPIC).length;
    const one = await start();
    for (const key of ["shard-0", "shard-1"]) kafka.append({ topic: TOPIC, key, value: "{" });
    await one.sweep();
    await vi.waitFor(async () => {
      const { failures, bus } = await one.overview();
      expect(failures).toContainEqual(expect.objectContaining({ kind: "unreadable", total: 8 }));
      expect(bus?.map(({ lag }) => lag)).toEqual([0, 0]);
    }, PATIENCE);
    expect(kafka.all(TOPIC)).toHaveLength(before + 2);
  });

  it("sends by the queue again where that is the bus, and has all in D1 in the end", async () => {
    const sent = kafka.all(TOPIC).length;
    const one = await start("queue");
    await watch(one, "fifth");
    await one.flush();
    await untilWritten(one);
    expect(kafka.all(TOPIC)).toHaveLength(sent);
    expect((await one.overview()).bus).toBeUndefined();
    await stop();
    const rows = historyRowsOnDisk(state);
    for (const [viewer, items] of reported)
      expect([...(rows.get(viewer)?.keys() ?? [])].toSorted()).toEqual(items.toSorted());
  });
});
