import { Producer } from "@platformatic/kafka";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { until } from "../support/until.ts";
import { brokerAt, newTopic, startLocalBridge, type LocalBridge } from "./support/local-bridge.ts";

let at: LocalBridge;
let producer: Producer;

beforeAll(async () => {
  at = await startLocalBridge();
  const { brokers, login } = brokerAt(inject("kafkaPort"));
  producer = new Producer({
    clientId: "transactions",
    bootstrapBrokers: [...brokers],
    ...(login === undefined ? {} : { sasl: login }),
    idempotent: true,
    transactionalId: newTopic(),
    retries: 5,
  });
});
afterAll(async () => {
  await producer.close(true);
  await at.close();
});

async function write(topic: string, values: readonly string[], end: "commit" | "abort"): Promise<void> {
  const transaction = await producer.beginTransaction({});
  const messages = values.map((value) => ({ topic, partition: 0, value: Buffer.from(value) }));
  await transaction.send({ messages });
  await transaction[end]();
}

describe("what was rolled back", () => {
  it("is left out, however often, and wherever the reading begins", async () => {
    const topic = newTopic();
    await at.client.producer().produce(topic, "0", { partition: 0 });
    await write(topic, ["rolled back 1", "rolled back 2"], "abort");
    await write(topic, ["a", "b"], "commit");
    await write(topic, ["rolled back 3"], "abort");
    await write(topic, ["x".repeat(700_000)], "abort");
    await write(topic, ["c"], "commit");
    const read = async (offset: number): Promise<readonly string[]> => {
      const values: string[] = [];
      for (let next = offset; ;) {
        const messages = await at.client
          .consumer()
          .fetch({ topic, partition: 0, offset: next, timeout: 300 });
        if (messages.length === 0) return values;
        values.push(...messages.map(({ value }) => value.slice(0, 20)));
        next = (messages.at(-1)?.offset ?? 0) + 1;
      }
    };
    expect(await read(0)).toEqual(["0", "a", "b", "c"]);
    // In the middle of what was rolled back.
    expect(await read(2)).toEqual(["a", "b", "c"]);
    const seen: string[] = [];
    await until("a group has it", async () => {
      const asked = { consumerGroupId: `group-${topic}`, instanceId: "one", topics: [topic], timeout: 500 };
      const messages = await at.client.consumer().consume({ ...asked, autoOffsetReset: "earliest" });
      seen.push(...messages.map(({ value }) => value.slice(0, 20)));
      return seen.includes("c");
    });
    expect(seen).toEqual(["0", "a", "b", "c"]);
  });
});

describe("what others have compressed", () => {
  it("is given in answers that are no longer than others", async () => {
    const topic = newTopic();
    await at.client.producer().produce(topic, "first", { partition: 0 });
    const { brokers, login } = brokerAt(inject("kafkaPort"));
    const other = new Producer({
      clientId: "compresses",
      bootstrapBrokers: [...brokers],
      ...(login === undefined ? {} : { sasl: login }),
      compression: "gzip",
    });
    const value = Buffer.alloc(100_000, "x");
    expect(gzipSync(value).length).toBeLessThan(1_000);
    await other.send({ messages: Array.from({ length: 50 }, () => ({ topic, partition: 0, value })) });
    await other.close();
    const lengths: number[] = [];
    for (let offset = 0; offset < 51;) {
      const { body } = await at.post("/fetch", { topic, partition: 0, offset, timeout: 1_000 });
      const messages = body as readonly { readonly offset: number }[];
      lengths.push(JSON.stringify(messages).length);
      offset = (messages.at(-1)?.offset ?? 99) + 1;
    }
    expect(Math.max(...lengths)).toBeLessThan(1_300_000);
  });
});
