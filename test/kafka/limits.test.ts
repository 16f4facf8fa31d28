import { afterEach, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { newTopic, startLocalBridge, type LocalBridge } from "./support/local-bridge.ts";

const running: LocalBridge[] = [];

afterEach(async () => {
  for (const bridge of running.splice(0)) await bridge.close();
});

async function start(limits: Parameters<typeof startLocalBridge>[0]): Promise<LocalBridge> {
  const bridge = await startLocalBridge(limits);
  running.push(bridge);
  return bridge;
}

describe("limits", () => {
  it("refuse a consumer instance too many, and end the one that nobody asks for", async () => {
    const at = await start({ instancesMax: 2, instanceIdleMsMax: 1_500 });
    const topic = newTopic();
    const consume = async (instance: string): Promise<number> =>
      (await at.post(`/consume/group-${topic}/${instance}`, { topic, timeout: 10 })).status;
    expect([await consume("a"), await consume("b"), await consume("c")]).toEqual([200, 200, 503]);
    await until("a place is free", async () => (await consume("c")) === 200);
    await until("the end is told", () => at.log().join().includes('"why":"idle"'));
  });

  it("count an instance until it has left Kafka, and a commit as a sign of life", async () => {
    const at = await start({ instancesMax: 1, instanceIdleMsMax: 2_500 });
    const topic = newTopic();
    const consume = async (instance: string): Promise<number> =>
      (await at.post(`/consume/group-${topic}/${instance}`, { topic, timeout: 1_000 })).status;
    expect(await consume("a")).toBe(200);
    const removed = at.post(`/delete-consumer/group-${topic}/a`);
    expect(await consume("b")).toBe(503);
    await removed;
    expect(await consume("b")).toBe(200);
    for (let commits = 0; commits < 8; commits += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect((await at.post(`/commit/group-${topic}/b`)).status).toBe(200);
    }
  });

  it("let one call of an instance wait, and hold it to its topics", async () => {
    const at = await start({});
    const [topic, other] = [newTopic(), newTopic()];
    const path = `/consume/group-${topic}/one`;
    await at.post(path, { topic, timeout: 10 });
    const waiting = at.post(path, { topic, timeout: 2_000 });
    await until(
      "the second is refused",
      async () => (await at.post(path, { topic, timeout: 1 })).status === 409,
    );
    expect((await waiting).status).toBe(200);
    expect((await at.post(path, { topic: other })).status).toBe(409);
    expect((await at.post(path, { topic }, { "kafka-auto-offset-reset": "somewhere" })).status).toBe(400);
  });

  it("refuse more fetches than may wait, and forget those who have left", async () => {
    const at = await start({ fetchesMax: 2 });
    const topic = newTopic();
    await at.client.producer().produce(topic, "x", { partition: 0 });
    const fetchAt = (timeout: number) => at.post("/fetch", { topic, partition: 0, offset: 1, timeout });
    const waiting = [fetchAt(1_500), fetchAt(1_500)];
    await until("a third is refused", async () => (await fetchAt(1)).status === 503);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await fetchAt(1)).status).toBe(200);
  });

  it("refuse a body that is too long, and too many messages", async () => {
    const at = await start({ bodyBytesMax: 1_000, messagesMax: 3 });
    const topic = newTopic();
    expect((await at.post("/produce", { topic, value: "x".repeat(1_001) })).status).toBe(413);
    const many = Array.from({ length: 4 }, () => ({ topic, value: "x" }));
    expect((await at.post("/produce", many)).status).toBe(413);
    expect((await at.post("/produce", many.slice(1))).status).toBe(200);
  });

  it("count what a body becomes, not only its bytes", async () => {
    const at = await start({ heldBytesMax: 100_000 });
    const topic = newTopic();
    const headers = Array.from({ length: 100 }, () => ({ key: "", value: "" }));
    const many = Array.from({ length: 5 }, () => ({ topic, value: "", headers }));
    expect((await at.post("/produce", { topic, value: "x".repeat(20_000) })).status).toBe(200);
    expect(JSON.stringify(many).length).toBeLessThan(20_000);
    expect((await at.post("/produce", many)).status).toBe(503);
    expect((await at.post("/produce", many.slice(3))).status).toBe(200);
  });

  it("keep no place for a client that has gone while it waited", async () => {
    const at = await start({});
    const topic = newTopic();
    const path = `/consume/group-${topic}/one`;
    expect((await at.post(path, { topic, timeout: 2_000 })).status).toBe(200);
    const gone = new AbortController();
    const lost = fetch(at.url + path, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("tests:another-password-for-the-tests")}` },
      body: JSON.stringify({ topic, timeout: 9_000 }),
      signal: gone.signal,
    }).catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 300));
    gone.abort();
    await lost;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await at.post(path, { topic, timeout: 10 })).status).toBe(200);
  });

  it("give back what a client that has gone was not told", async () => {
    const at = await start({});
    const topic = newTopic();
    const path = `/consume/group-${topic}/one`;
    const headers = { "kafka-auto-offset-reset": "earliest", "kafka-enable-auto-commit": "false" };
    await at.post(path, { topic, timeout: 1_000 }, headers);
    const gone = new AbortController();
    const lost = fetch(at.url + path, {
      method: "POST",
      headers: { ...headers, authorization: `Basic ${btoa("tests:another-password-for-the-tests")}` },
      body: JSON.stringify({ topic, timeout: 3_000 }),
      signal: gone.signal,
    }).catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 200));
    gone.abort();
    await lost;
    await at.client.producer().produce(topic, "kept", { partition: 0 });
    await until("the lost call has ended", async () => {
      const { status, body } = await at.post(path, { topic, timeout: 1_000 }, headers);
      expect([200, 409]).toContain(status);
      return JSON.stringify(body).includes('"kept"');
    });
  });
});

describe("a stop", () => {
  it("tells who waits that there is nothing, commits what was given, and lets nobody in", async () => {
    const at = await startLocalBridge();
    const topic = newTopic();
    const path = `/consume/group-${topic}/one`;
    const headers = { "kafka-auto-offset-reset": "earliest", "kafka-auto-commit-interval": "60000" };
    await at.client.producer().produce(topic, "x", { partition: 0 });
    await until("it is given", async () => {
      const { body } = await at.post(path, { topic, timeout: 1_000 }, headers);
      return JSON.stringify(body).includes('"x"');
    });
    const waiting = [
      at.post(path, { topic, timeout: 9_000 }, headers),
      at.post("/fetch", { topic, partition: 0, offset: 1, timeout: 9_000 }),
    ];
    await new Promise((resolve) => setTimeout(resolve, 200));
    const startedAtMs = performance.now();
    await at.close();
    for (const answer of await Promise.all(waiting)) expect(answer).toEqual({ status: 200, body: [] });
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    await expect(at.post("/produce", { topic, value: "x" })).rejects.toThrow("fetch failed");

    const next = await start({});
    const committed = await next.post(`/committed/group-${topic}/one`, { topic, partition: 0 });
    expect(committed.body).toEqual([{ topic, partition: 0, offset: 1 }]);
  });
});
