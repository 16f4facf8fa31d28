import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Producer } from "@platformatic/kafka";
import { Kafka } from "@upstash/kafka";
import { partitionOfKey } from "../bridge/kafka-rest/murmur2.ts";
import { kafkaJars, missingForKafka } from "../scripts/runtime/kafka-jars.ts";
import { KAFKA_USERNAME, startKafkaServer } from "../scripts/runtime/kafka-server.ts";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import { median } from "./support/median.ts";

const PASSWORD = "a-password-for-the-benchmark";
const TOPIC = "bench";
const PARTITIONS = 4;
const MESSAGES_A_REQUEST = 100;
const CLIENTS = 16;
const KEYS = 50;
const VALUE = "x".repeat(100);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 2_000);
const GOAL = 20_000;

/** Messages that one client writes with one request. */
type Write = () => Promise<unknown>;

/**
 * Messages a second in requests of a hundred, acked by Kafka: by `produceMany` through the bridge,
 * and by the native client in this process, in turns. The broker, the bridge and the load share the
 * machine.
 */
export async function run(): Promise<void> {
  const missing = missingForKafka();
  if (missing !== null) {
    console.log(`left out: ${missing}`);
    return;
  }
  const dir = mkdtempSync(join(tmpdir(), "playhead-bench-kafka-"));
  const jars = await kafkaJars(console.log);
  const server = await startKafkaServer({ dir, jars, password: PASSWORD });
  const broker = `127.0.0.1:${server.ports.client}`;
  const { bridge, url } = await startBridge(broker);
  const native = new Producer({
    clientId: "bench",
    bootstrapBrokers: [broker],
    sasl: { mechanism: "PLAIN", username: KAFKA_USERNAME, password: PASSWORD },
    idempotent: true,
  });
  try {
    const rest = new Kafka({ url, username: KAFKA_USERNAME, password: PASSWORD }).producer();
    const ways: Readonly<Record<"bridge" | "native", Write>> = {
      bridge: () => rest.produceMany(messages().map(({ key }) => ({ topic: TOPIC, key, value: VALUE }))),
      native: () =>
        native.send({
          messages: messages().map(({ key, partition }) => ({
            topic: TOPIC,
            key: Buffer.from(key),
            value: Buffer.from(VALUE),
            partition,
          })),
        }),
    };
    await measure(ways.bridge);
    await measure(ways.native);
    const rounds: { readonly bridge: number; readonly native: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1)
      rounds.push({ bridge: await measure(ways.bridge), native: await measure(ways.native) });
    tell(rounds);
  } finally {
    await native.close(true).catch(() => undefined);
    bridge.kill("SIGKILL");
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function tell(rounds: readonly { readonly bridge: number; readonly native: number }[]): void {
  const of = (values: readonly number[]): string => Math.round(median(values)).toLocaleString("en");
  const ratio = median(rounds.map(({ bridge, native }) => bridge / native));
  console.log(
    `produceMany of ${MESSAGES_A_REQUEST}, ${CLIENTS} clients, ${VALUE.length} bytes, ${PARTITIONS} partitions`,
  );
  console.log(`| through the bridge, messages/s | ${of(rounds.map(({ bridge }) => bridge))} |`);
  console.log(`| the native client, messages/s | ${of(rounds.map(({ native }) => native))} |`);
  console.log(`| ratio, median of ${rounds.length} rounds | ${ratio.toFixed(2)} |`);
  console.log(`| goal on two cores with nothing else to do | ${GOAL.toLocaleString("en")} |`);
}

async function startBridge(broker: string): Promise<{ readonly bridge: ChildProcess; readonly url: string }> {
  const bridge = spawn(process.execPath, ["bridge/kafka-rest/main.ts", "--port", "0", "--kafka", broker], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      KAFKA_USERNAME,
      KAFKA_PASSWORD: PASSWORD,
      KAFKA_REST_PASSWORD: PASSWORD,
      KAFKA_CREATE_TOPICS: String(PARTITIONS),
    },
  });
  const url = await new Promise<string>((resolve, reject) => {
    bridge.stdout.setEncoding("utf8").on("data", (text: string) => {
      const ready = /^ready (\S+)$/m.exec(text)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    bridge.once("close", () => reject(new Error("the bridge did not start")));
  });
  return { bridge, url };
}

function messages(): readonly { readonly key: string; readonly partition: number }[] {
  return Array.from({ length: MESSAGES_A_REQUEST }, (_, index) => {
    const key = `key-${index % KEYS}`;
    return { key, partition: partitionOfKey(Buffer.from(key), PARTITIONS) };
  });
}

/** Messages a second, of clients that each wait for their answer. */
async function measure(write: Write): Promise<number> {
  const startedAt = performance.now();
  const endsAt = startedAt + ROUND_MS;
  let written = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (performance.now() < endsAt) {
        await write();
        written += MESSAGES_A_REQUEST;
      }
    }),
  );
  return (written * 1_000) / (performance.now() - startedAt);
}
