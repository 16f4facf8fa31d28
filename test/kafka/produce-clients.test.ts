import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { ProduceClients, type KafkaMessage } from "../../bridge/kafka-rest/produce-clients.ts";
import { brokerAt, newTopic, startLocalBridge, type LocalBridge } from "./support/local-bridge.ts";

/** After it a client asks anew where partitions are. */
const METADATA_AGE_MS = 6_000;
const LIMIT_MS = 10_000;

let at: LocalBridge;
const clients = new ProduceClients(brokerAt(inject("kafkaPort")));

beforeAll(async () => {
  at = await startLocalBridge();
});
afterEach(() => void vi.useRealTimers());
afterAll(async () => {
  await clients.close();
  await at.close();
});

const message = (topic: string, value: string, timestamp = BigInt(Date.now())): KafkaMessage => ({
  topic,
  partition: 0,
  value: Buffer.from(value),
  timestamp,
});
const send = async (one: KafkaMessage): Promise<bigint> => await clients.send([one], LIMIT_MS);

describe("a batch", () => {
  it("is not taken for one that was written before, whatever happens to a neighbour's", async () => {
    const [topic, neighbour] = [newTopic(), newTopic()];
    for (const made of [topic, neighbour])
      await at.client.producer().produce(made, "first", { partition: 0 });
    await send(message(neighbour, "good"));
    expect(await send(message(topic, "second"))).toBe(1n);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + METADATA_AGE_MS });
    await send(message(neighbour, "good"));
    const refused = send(message(neighbour, "from the far future", 9_000_000_000_000n)).catch(String);
    const third = send(message(topic, "third"));
    expect(await refused).toContain("out of acceptable range");
    expect(await third).toBe(2n);
    vi.useRealTimers();
    const found = await at.client.consumer().fetch({ topic, partition: 0, offset: 0, timeout: 5_000 });
    expect(found.map(({ value }) => value)).toEqual(["first", "second", "third"]);
  });
});
