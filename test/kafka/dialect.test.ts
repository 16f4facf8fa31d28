import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { partitionOfKey } from "../../bridge/kafka-rest/murmur2.ts";
import { newTopic, startLocalBridge, type LocalBridge } from "./support/local-bridge.ts";

let at: LocalBridge;

beforeAll(async () => {
  at = await startLocalBridge();
});
afterAll(() => at.close());

const partitionOf = (key: string): number => partitionOfKey(Buffer.from(key), 3);

describe("produce, as @upstash/kafka asks for it", () => {
  it("tells where a message is, and it is there as it was", async () => {
    const topic = newTopic();
    const headers = [
      { key: "id", value: "1" },
      { key: "id", value: "zwei" },
    ];
    const told = await at.client.producer().produce(topic, { hello: "wörld ✓" }, { key: "ada", headers });
    expect(told).toEqual({
      topic,
      partition: partitionOf("ada"),
      offset: 0,
      timestamp: expect.closeTo(Date.now(), -4) as number,
    });
    expect(
      await at.client.consumer().fetch({ topic, partition: told.partition, offset: 0, timeout: 5_000 }),
    ).toEqual([{ ...told, key: "ada", value: '{"hello":"wörld ✓"}', headers }]);
  });

  it("answers many in the order in which they were asked for, wherever they went", async () => {
    const [one, two] = [newTopic(), newTopic()];
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index % 10}`);
    const requests = keys.map((key, index) => ({
      topic: index % 3 === 0 ? two : one,
      key,
      value: String(index),
      timestamp: 1_700_000_000_000 + index,
    }));
    const told = await at.client.producer().produceMany(requests);
    expect(told.map(({ topic, partition, timestamp }) => [topic, partition, timestamp])).toEqual(
      requests.map(({ topic, key, timestamp }) => [topic, partitionOf(key), timestamp]),
    );
    const found = await Promise.all(
      [one, two].flatMap((topic) =>
        [0, 1, 2].map((partition) =>
          at.client.consumer().fetch({ topic, partition, offset: 0, timeout: 1_000 }),
        ),
      ),
    );
    const byPlace = new Map(found.flat().map((message) => [placeOf(message), message.value]));
    expect(told.map((place) => byPlace.get(placeOf(place)))).toEqual(requests.map(({ value }) => value));
  });

  it("takes the partition that is named, and keeps what has no key together", async () => {
    const topic = newTopic();
    const named = await at.client.producer().produce(topic, "x", { key: "ada", partition: 2 });
    expect(named.partition).toBe(2);
    const turns = await Promise.all(
      [0, 1, 2].map(async () => {
        const told = await at.client.producer().produceMany([
          { topic, value: "a" },
          { topic, value: "b" },
        ]);
        expect(told[0]?.partition).toBe(told[1]?.partition);
        return told[0]?.partition;
      }),
    );
    expect(new Set(turns)).toEqual(new Set([0, 1, 2]));
  });

  it("writes nothing of a request that has one wrong message", async () => {
    const topic = newTopic();
    const good = { topic, value: "good", partition: 0 };
    for (const [bad, status] of [
      [{ topic, value: 1 }, 400],
      [{ topic: "no blanks", value: "x" }, 400],
      [{ topic, value: "x", partition: 3 }, 404],
      [{ topic, value: "\ud800" }, 400],
      [{ topic, value: "x".repeat(900_001) }, 413],
    ] as const)
      expect(await at.post("/produce", [good, bad])).toMatchObject({ status, body: { status } });
    expect(
      await at.client
        .admin()
        .topicPartitionOffsets({ timestamp: "latest", topicPartition: { topic, partition: 0 } }),
    ).toEqual([{ topic, partition: 0, offset: 0 }]);
  });

  it("takes a body that is larger than a batch may be", async () => {
    const topic = newTopic();
    const requests = Array.from({ length: 12 }, (_, index) => ({
      topic,
      partition: 1,
      value: `${index}:${"x".repeat(300_000)}`,
    }));
    const told = await at.client.producer().produceMany(requests);
    expect(told.map(({ offset }) => offset)).toEqual(requests.map((_request, index) => index));
  });
});

describe("fetch, without a group", () => {
  it("begins at the offset that is asked for, and waits for what comes", async () => {
    const topic = newTopic();
    await at.client.producer().produceMany(["a", "b", "c"].map((value) => ({ topic, partition: 0, value })));
    const values = async (offset: number, timeout: number): Promise<readonly string[]> =>
      (await at.client.consumer().fetch({ topic, partition: 0, offset, timeout })).map(({ value }) => value);
    expect(await values(1, 1_000)).toEqual(["b", "c"]);
    expect(await values(3, 50)).toEqual([]);
    const waiting = values(3, 9_000);
    await at.client.producer().produce(topic, "d", { partition: 0 });
    expect(await waiting).toEqual(["d"]);
  });

  it("reads several partitions of several topics in one request, too", async () => {
    const [one, two] = [newTopic(), newTopic()];
    const places = [one, two].flatMap((topic) => [0, 2].map((partition) => ({ topic, partition })));
    await at.client
      .producer()
      .produceMany(places.map((place) => ({ ...place, value: placeOf({ ...place, offset: 0 }) })));
    const { status, body } = await at.post("/fetch", {
      topicPartitionOffsets: places.map((place) => ({ ...place, offset: 0 })),
      timeout: 5_000,
    });
    const messages = body as readonly { readonly value: string }[];
    expect([status, messages.map(({ value }) => value).sort()]).toEqual([
      200,
      places.map((place) => placeOf({ ...place, offset: 0 })).sort(),
    ]);
  });

  it("says so where an offset, a partition or a topic isn't there", async () => {
    const topic = newTopic();
    await at.client.producer().produce(topic, "x", { partition: 0 });
    expect((await at.post("/fetch", { topic, partition: 0, offset: 99 })).status).toBe(416);
    expect((await at.post("/fetch", { topic, partition: 7, offset: 0 })).status).toBe(404);
    expect((await at.post("/fetch", { topic, partition: 0 })).status).toBe(400);
  });
});

describe("a consumer of a group", () => {
  it("is given each message once, and another begins where it has committed", async () => {
    const topic = newTopic();
    const group = { consumerGroupId: `group-${topic}`, instanceId: "first" };
    const consumer = at.client.consumer();
    const take = async (instanceId: string, count: number): Promise<readonly string[]> => {
      const values: string[] = [];
      for (let calls = 0; calls < 10 && values.length < count; calls += 1) {
        const asked = { ...group, instanceId, topics: [topic], autoCommit: false, timeout: 3_000 };
        for (const { value } of await consumer.consume({ ...asked, autoOffsetReset: "earliest" }))
          values.push(value);
      }
      return values;
    };
    await at.client.producer().produceMany(["a", "b", "c"].map((value) => ({ topic, key: "k", value })));
    expect(await take("first", 3)).toEqual(["a", "b", "c"]);
    await consumer.commit(group);
    await at.client.producer().produce(topic, "d", { key: "k" });
    expect(await take("first", 1)).toEqual(["d"]);
    const topicPartitions = [{ topic, partition: partitionOf("k") }];
    expect(await consumer.committed({ ...group, topicPartitions })).toEqual([
      { ...topicPartitions[0], offset: 3 },
    ]);
    expect(await at.client.admin().consumers()).toContainEqual({
      name: group.consumerGroupId,
      instances: [{ name: "first", topics: [{ topic, partitions: [0, 1, 2] }] }],
    });

    await at.client.admin().removeConsumerInstance(group.consumerGroupId, "first");
    expect(await take("second", 1)).toEqual(["d"]);
    await at.client.admin().removeConsumerInstance(group.consumerGroupId, "second");
    await consumer.commit({ ...group, offset: { topic, partition: partitionOf("k"), offset: 1 } });
    expect(await take("third", 3)).toEqual(["b", "c", "d"]);
  });

  it("says so where a partition isn't there, or nothing was committed", async () => {
    const topic = newTopic();
    await at.client.producer().produce(topic, "a", { partition: 0 });
    const path = `/consume/group-${topic}/one`;
    expect((await at.post(path, { topic, timeout: 2_000 })).status).toBe(200);
    const commit = { topic, partition: 77, offset: 1 };
    expect((await at.post(`/commit/group-${topic}/one`, commit)).status).toBe(404);
    const none = { "kafka-auto-offset-reset": "none" };
    const asked = await at.post(`/consume/other-${topic}/one`, { topic, timeout: 5_000 }, none);
    expect(asked).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining("no committed offset") as string },
    });
  });

  it("commits by itself what it was given, and nothing else", async () => {
    const topic = newTopic();
    const group = { consumerGroupId: `group-${topic}`, instanceId: "one" };
    await at.client.producer().produce(topic, "a", { partition: 0 });
    const asked = { ...group, topics: [topic], autoCommitInterval: 200, timeout: 5_000 };
    const messages = await at.client.consumer().consume({ ...asked, autoOffsetReset: "earliest" });
    expect(messages.map(({ value }) => value)).toEqual(["a"]);
    await at.client.producer().produce(topic, "b", { partition: 0 });
    await expect
      .poll(
        async () =>
          await at.client.admin().committedOffsets({ ...group, topicPartition: { topic, partition: 0 } }),
        { timeout: 5_000 },
      )
      .toEqual([{ topic, partition: 0, offset: 1 }]);
  });

  it("shares partitions with another, and loses none when that one goes", async () => {
    const topic = newTopic();
    const consumerGroupId = `group-${topic}`;
    const seen = new Map<string, number>();
    const take = async (instanceId: string): Promise<void> => {
      const asked = { consumerGroupId, instanceId, topics: [topic], autoCommit: false, timeout: 500 };
      for (const { value } of await at.client.consumer().consume({ ...asked, autoOffsetReset: "earliest" }))
        seen.set(value, (seen.get(value) ?? 0) + 1);
      await at.client.consumer().commit({ consumerGroupId, instanceId });
    };
    const write = async (round: number): Promise<void> =>
      void (await at.client
        .producer()
        .produceMany([0, 1, 2].map((partition) => ({ topic, partition, value: `${round}:${partition}` }))));
    for (let round = 0; round < 4; round += 1) {
      await write(round);
      await Promise.all([take("a"), take("b")]);
    }
    await at.client.admin().removeConsumerInstance(consumerGroupId, "b");
    await write(4);
    for (let calls = 0; calls < 20 && seen.size < 15; calls += 1) await take("a");
    expect(seen.size).toBe(15);
  });
});

describe("topics and offsets", () => {
  it("are told as the client reads them", async () => {
    const topic = newTopic();
    await at.client
      .producer()
      .produceMany(
        [1_000, 2_000, 3_000].map((timestamp) => ({ topic, partition: 1, value: "x", timestamp })),
      );
    expect((await at.client.admin().topics())[topic]).toBe(3);
    const offsetAt = async (timestamp: number | "earliest" | "latest") =>
      (
        await at.client
          .admin()
          .topicPartitionOffsets({ timestamp, topicPartitions: [{ topic, partition: 1 }] })
      )[0]?.offset;
    expect([
      await offsetAt("earliest"),
      await offsetAt(1_500),
      await offsetAt("latest"),
      await offsetAt(9_000),
    ]).toEqual([0, 1, 3, -1]);
  });
});

describe("the login", () => {
  it("is asked for everywhere but at the health", async () => {
    expect((await fetch(`${at.url}/healthz`)).status).toBe(200);
    for (const authorization of ["", "Basic", `Basic ${btoa("tests:wrong-password-here")}`, "Bearer x"]) {
      const answer = await at.post("/produce", { topic: "t", value: "x" }, { authorization });
      expect(answer).toEqual({ status: 401, body: { result: "Error", error: "Unauthorized", status: 401 } });
    }
  });
});

function placeOf({ topic, partition, offset }: { topic: string; partition: number; offset: number }): string {
  return `${topic}:${partition}:${offset}`;
}
