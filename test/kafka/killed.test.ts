import { Kafka } from "@upstash/kafka";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { newTopic } from "./support/local-bridge.ts";
import { startOwnKafka, type OwnKafka } from "./support/own-kafka.ts";
import { Traffic, wrongIn } from "./support/traffic.ts";

const PARTITIONS = 3;
const WRITERS = 8;

let at: OwnKafka;

beforeAll(async () => {
  at = await startOwnKafka();
});
afterAll(() => at.stop());

const underWay = async (traffic: Traffic, acked: number): Promise<void> =>
  await until(`${acked} messages are acked`, () => traffic.acked.size >= acked, 40_000);

describe("messages under way", () => {
  it("are there once and in order though the broker's answers are lost", async () => {
    const traffic = new Traffic(at.url, newTopic());
    traffic.start(WRITERS);
    await underWay(traffic, 100);
    at.proxy.cutEvery = 5;
    await until("answers were lost", () => at.proxy.cuts() >= 10, 30_000);
    at.proxy.cutEvery = null;
    await underWay(traffic, traffic.acked.size + 100);
    await traffic.stop();
    expect(wrongIn(traffic, await traffic.read(PARTITIONS))).toEqual([]);
    expect([[...traffic.statuses.keys()], traffic.sentAgain.size]).toEqual([[200], 0]);
  });

  it("are there when they were acked, in order, though the broker is killed", async () => {
    const traffic = new Traffic(at.url, newTopic());
    traffic.start(WRITERS);
    await underWay(traffic, 200);
    await at.killBroker();
    await at.restartBroker();
    await underWay(traffic, traffic.acked.size + 200);
    await traffic.stop();
    expect(wrongIn(traffic, await traffic.read(PARTITIONS))).toEqual([]);
    expect([...traffic.statuses.keys()].every((status) => [200, 502, 503].includes(status))).toBe(true);
  });

  it("are there when they were acked, though the bridge is killed; a group goes on where it was", async () => {
    const traffic = new Traffic(at.url, newTopic());
    const client = new Kafka({
      url: at.url,
      username: "playhead",
      password: "another-password-for-the-tests",
    });
    const group = { consumerGroupId: `group-${traffic.topic}`, instanceId: "one" };
    const seen = new Set<string>();
    const take = async (): Promise<void> => {
      const asked = { ...group, topics: [traffic.topic], autoCommit: false, timeout: 2_000 };
      const messages = await client.consumer().consume({ ...asked, autoOffsetReset: "earliest" });
      for (const { value } of messages) seen.add(value);
      await client.consumer().commit(group);
    };
    traffic.start(WRITERS);
    await underWay(traffic, 200);
    await take();
    await at.signalBridge("SIGKILL");
    await at.restartBridge();
    await underWay(traffic, traffic.acked.size + 200);
    await traffic.stop();
    expect(wrongIn(traffic, await traffic.read(PARTITIONS))).toEqual([]);
    for (
      let calls = 0;
      calls < 30 && ![...traffic.acked.keys()].every((value) => seen.has(value));
      calls += 1
    )
      await take();
    expect([...traffic.acked.keys()].filter((value) => !seen.has(value))).toEqual([]);
  });

  it("are answered when the bridge is told to stop", async () => {
    const traffic = new Traffic(at.url, newTopic());
    traffic.start(WRITERS);
    await underWay(traffic, 200);
    expect(await at.signalBridge("SIGTERM")).toBe(0);
    // Refused connections are tried again, and what was let in has had its answer.
    await at.restartBridge();
    await underWay(traffic, traffic.acked.size + 50);
    await traffic.stop();
    const found = await traffic.read(PARTITIONS);
    expect(wrongIn(traffic, found)).toEqual([]);
    const values = found.map(({ value }) => value);
    expect(values.length).toBe(new Set(values).size);
    expect(at.log()).toContain('"event":"stopping"');
  });
});
