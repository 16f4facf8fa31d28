import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { kafkaRest } from "../../../src/platform/kafka/kafka-rest.ts";
import { kafkaAccess, kafkaVars } from "../../../src/platform/kafka/kafka-vars.ts";
import { KafkaStandIn } from "../../support/kafka/kafka-stand-in.ts";

const TOPIC = "t";
const ACCESS = { url: "https://kafka.example/", username: "user", password: "pass:word" };
const LIMIT_MS = 1_000;

let kafka: KafkaStandIn;

beforeEach(() => {
  kafka = new KafkaStandIn({ topics: { [TOPIC]: 2 }, password: ACCESS.password });
  vi.stubGlobal("fetch", kafka.fetch);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const messages = (...keys: readonly string[]) =>
  keys.map((key, index) => ({ key, value: `{"n":${index}}`, id: `id-${index}` }));

describe("Kafka over REST", () => {
  it("appends messages in their order, with their ids in a header, and says where each one is", async () => {
    const rest = kafkaRest(ACCESS);
    const places = await rest.produce(TOPIC, messages("a", "b", "a"), LIMIT_MS);
    const [first, , third] = places;
    expect(third).toMatchObject({ partition: first?.partition, offset: 1 });
    const kept = kafka.records(TOPIC, first?.partition);
    expect(kept.map(({ key, value, headers }) => [key, value, headers])).toEqual([
      ["a", '{"n":0}', [{ key: "id", value: "id-0" }]],
      ["a", '{"n":2}', [{ key: "id", value: "id-2" }]],
    ]);
  });

  it("fetches from an offset on, and knows both ends of a partition and how many there are", async () => {
    const rest = kafkaRest(ACCESS);
    const [place] = await rest.produce(TOPIC, messages("a", "a", "a"), LIMIT_MS);
    const partition = place?.partition ?? 0;
    kafka.forget(TOPIC, partition, 1);
    expect(await rest.fetch(TOPIC, { partition, offset: 2 }, LIMIT_MS)).toMatchObject([
      { partition, offset: 2, value: '{"n":2}' },
    ]);
    expect(await rest.offset(TOPIC, partition, "earliest", LIMIT_MS)).toBe(1);
    expect(await rest.offset(TOPIC, partition, "latest", LIMIT_MS)).toBe(3);
    expect(await rest.partitions(TOPIC, LIMIT_MS)).toBe(2);
    expect(await rest.partitions("other", LIMIT_MS)).toBe(0);
  });

  it.each([
    ["without a time", { timestamp: -1, value: "{}" }, "{}"],
    ["without a value", { value: null }, null],
    ["whose value is none", { value: { n: 1 } }, null],
    ["that lacks one", {}, null],
  ])("fetches a message %s, and what comes after it", async (_what, odd, value) => {
    const after = { topic: TOPIC, partition: 0, offset: 8, timestamp: 1, value: '{"n":8}', headers: [] };
    vi.stubGlobal("fetch", async () => Response.json([{ partition: 0, offset: 7, ...odd }, after]));
    expect(await kafkaRest(ACCESS).fetch(TOPIC, { partition: 0, offset: 7 }, LIMIT_MS)).toEqual([
      { partition: 0, offset: 7, value },
      { partition: 0, offset: 8, value: '{"n":8}' },
    ]);
  });

  it("tries nothing again by itself, and says what the front said", async () => {
    kafka.faults.push({ path: "/produce", fault: "refused" });
    await expect(kafkaRest(ACCESS).produce(TOPIC, messages("a"), LIMIT_MS)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "Kafka's front answered POST produce with 503: no broker",
    });
    expect(kafka.asked).toEqual(["/produce"]);
    expect(kafka.all(TOPIC)).toEqual([]);
  });

  it("is refused with a wrong password at the first try, and tells nobody the password", async () => {
    const wrong = kafkaRest({ ...ACCESS, password: "hunter2" });
    const error = await wrong.partitions(TOPIC, LIMIT_MS).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
    expect(String(error)).not.toContain("hunter2");
    expect(kafka.asked).toHaveLength(1);
  });

  it("leaves nothing pending where the front never answers", async () => {
    vi.useFakeTimers();
    kafka.faults.push({ path: "/fetch", fault: "hangs" });
    const hung = kafkaRest(ACCESS).fetch(TOPIC, { partition: 0, offset: 0 }, LIMIT_MS);
    const ended = hung.then(
      () => "answered",
      () => "given up",
    );
    await vi.advanceTimersByTimeAsync(LIMIT_MS + 200);
    expect(await ended).toBe("given up");
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ["no JSON", () => new Response("<html>")],
    ["something else", () => Response.json([{ partition: "0", offset: -1 }])],
    ["fewer places than messages", () => Response.json([])],
    ["no end of bytes", () => new Response("[".padEnd(16_000_001, " "))],
  ])("takes no answer that is %s", async (_what, answer) => {
    vi.stubGlobal("fetch", async () => answer());
    await expect(kafkaRest(ACCESS).produce(TOPIC, messages("a"), LIMIT_MS)).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
  });
});

describe("the vars of Kafka", () => {
  const schema = z.object(kafkaVars);
  const read = (vars: object) => schema.safeParse(vars);
  const [url, name, word] = [
    "UPSTASH_KAFKA_REST_URL",
    "UPSTASH_KAFKA_REST_USERNAME",
    "UPSTASH_KAFKA_REST_PASSWORD",
  ];

  it.each([
    "https://kafka.example",
    "https://kafka.example:8443/base",
    "http://127.0.0.1:8080",
    "http://[::1]:1",
    "",
  ])("take the URL %j", (text) => expect(read({ [url]: text }).success).toBe(true));

  it.each([
    "http://kafka.example",
    "ftp://kafka.example",
    "kafka.example",
    "https://me:pw@kafka.example",
    "https://:pw@kafka.example",
    "https://kafka.example?",
    "https://kafka.example#",
    "https://kafka.example\n",
  ])("refuse the URL %j: the password travels with each request", (text) =>
    expect(read({ [url]: text }).success).toBe(false),
  );

  it.each([
    [name, "a:b"],
    [name, "é"],
    [word, "é"],
    [word, "a\nb"],
  ])("refuse a %s that Basic auth can't carry: %j", (key, text) =>
    expect(read({ [key]: text }).success).toBe(false),
  );

  it("give access where all three are there", () => {
    const all = { [url]: "https://kafka.example", [name]: "me", [word]: "pw" };
    expect(kafkaAccess(all)).toEqual({ url: "https://kafka.example", username: "me", password: "pw" });
    for (const key of Object.keys(all)) expect(kafkaAccess({ ...all, [key]: "" })).toBeNull();
    expect(kafkaAccess({})).toBeNull();
  });
});
