import { Kafka } from "@upstash/kafka";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { until } from "../support/until.ts";
import { newTopic } from "./support/local-bridge.ts";
import { KAFKA_LOGIN, SESSION_MS, startSecuredKafka, type SecuredKafka } from "./support/secured-kafka.ts";

const LOGIN = { username: "playhead", password: "another-password-for-the-tests" } as const;

let kafka: SecuredKafka;
const running: ChildProcess[] = [];

beforeAll(async () => {
  kafka = await startSecuredKafka();
}, 120_000);
afterEach(async () => {
  for (const child of running.splice(0)) {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
});
afterAll(() => kafka.stop());

/** The bridge as it is started in a container: by the environment. */
async function start(broker: string, environment: Readonly<Record<string, string | undefined>> = {}) {
  const child = spawn(process.execPath, ["bridge/kafka-rest/main.ts", "--port", "0"], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      KAFKA_BROKERS: broker,
      KAFKA_TLS: "on",
      KAFKA_CA_FILE: kafka.caFile,
      KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
      KAFKA_USERNAME: KAFKA_LOGIN.username,
      KAFKA_PASSWORD: KAFKA_LOGIN.password,
      KAFKA_REST_PASSWORD: LOGIN.password,
      KAFKA_CREATE_TOPICS: "1",
      ...environment,
    },
  });
  running.push(child);
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => (said += text));
  await until("it is ready", () => said.includes("ready http"), 20_000);
  const [, url = ""] = /^ready (\S+)$/m.exec(said) ?? [];
  return { url, client: new Kafka({ url, ...LOGIN }), said: () => said, pid: child.pid ?? 0 };
}

async function produceOnce(url: string) {
  const response = await fetch(`${url}/produce`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${LOGIN.username}:${LOGIN.password}`)}` },
    body: JSON.stringify({ topic: newTopic(), value: "x" }),
  });
  return { status: response.status, text: await response.text() };
}

describe("a broker that is reached by TLS", () => {
  it.each(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])(
    "is written to and read from, with %s",
    async (name) => {
      for (const broker of [kafka.byName, kafka.byAddress]) {
        const { client, said } = await start(broker, { KAFKA_SASL_MECHANISM: name });
        const topic = newTopic();
        expect(await client.producer().produce(topic, "ünd", { key: "k" })).toMatchObject({ offset: 0 });
        const read = await client.consumer().fetch({ topic, partition: 0, offset: 0, timeout: 5_000 });
        expect(read.map(({ value }) => value)).toEqual(["ünd"]);
        expect(said()).not.toContain("Warning");
      }
    },
  );

  it("is signed in to again when it asks for it, by groups as well", async () => {
    const { client, said } = await start(kafka.byName);
    const topic = newTopic();
    const group = { consumerGroupId: `group-${topic}`, instanceId: "one", topics: [topic], timeout: 300 };
    const sent: string[] = [];
    const seen: string[] = [];
    const take = async (): Promise<void> => {
      const messages = await client.consumer().consume({ ...group, autoOffsetReset: "earliest" });
      seen.push(...messages.map(({ value }) => value));
    };
    for (const endMs = Date.now() + 2 * SESSION_MS; Date.now() < endMs;) {
      sent.push(String(sent.length));
      await client.producer().produce(topic, sent.at(-1) ?? "");
      await take();
    }
    await until("all is read", async () => {
      await take();
      return seen.length >= sent.length;
    });
    expect(seen).toEqual(sent);
    expect(said()).not.toContain('"level":"error"');
  });

  it("keeps the login to itself: not in arguments, not in the log", async () => {
    const { url, said, pid } = await start(kafka.byName, { KAFKA_PASSWORD: "a-wrong-password" });
    expect(await produceOnce(url)).toMatchObject({
      status: 503,
      text: expect.stringContaining("SASL_AUTHENTICATION_FAILED") as string,
    });
    expect((await fetch(`${url}/healthz`)).status).toBe(503);
    const told = said() + readFileSync(`/proc/${pid}/cmdline`, "utf8");
    for (const secret of ["a-wrong-password", LOGIN.password, btoa(`${LOGIN.username}:${LOGIN.password}`)])
      expect(told).not.toContain(secret);
  });

  it("is not trusted without its authority, by an address that isn't its own, or without TLS", async () => {
    const others = [
      [await start(kafka.byName, { KAFKA_CA_FILE: undefined }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
      [await start(kafka.byOtherAddress), "ERR_TLS_CERT_ALTNAME_INVALID"],
      [await start(kafka.byName, { KAFKA_CA_FILE: undefined, KAFKA_TLS: "off" }), ""],
    ] as const;
    for (const [{ url }, reason] of others)
      expect(await produceOnce(url)).toEqual({
        status: 503,
        text: expect.stringContaining(reason) as string,
      });
  });
});
