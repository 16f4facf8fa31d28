import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Producer } from "@platformatic/kafka";
import { Kafka } from "@upstash/kafka";
import { partitionOfKey } from "../bridge/kafka-rest/murmur2.ts";
import { kafkaJars, missingForKafka } from "../scripts/runtime/kafka-jars.ts";
import { KAFKA_USERNAME, startKafkaServer } from "../scripts/runtime/kafka-server.ts";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import { median } from "./support/median.ts";
import { cpuMsOf } from "./support/process-use.ts";

const PASSWORD = "a-password-for-the-benchmark";
const TOPIC = "bench";
const PARTITIONS = 4;
const MESSAGES_A_REQUEST = 100;
const CLIENTS = 16;
const KEYS = 50;
const VALUE = "x".repeat(100);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
/** Half a minute in which Java compiles what the broker does: it takes that long, once. */
const WARM_UP_ROUNDS = Number(process.env["BENCH_WARM_UP_ROUNDS"] ?? 8);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 2_000);
const GOAL = 20_000;

const MESSAGES = Array.from({ length: MESSAGES_A_REQUEST }, (_, index) => {
  const key = `key-${index % KEYS}`;
  return { key, partition: partitionOfKey(Buffer.from(key), PARTITIONS) };
});
const WAYS = ["bridge", "native"] as const;
const PROCESSES = ["broker", "bridge", "client"] as const;

/** Messages that one client writes with one request. */
type Write = () => Promise<unknown>;

interface Measured {
  readonly perSecond: number;
  /** CPU time that each process took for a message. */
  readonly cpuUs: Readonly<Record<(typeof PROCESSES)[number], number>>;
}
type Round = Readonly<Record<(typeof WAYS)[number], Measured>>;

/**
 * Messages a second in requests of a hundred, acked by Kafka: by `produceMany` through the bridge,
 * and by the native client in this process, in turns. The broker, the bridge and the load share the
 * machine, so what each takes of it is told too: that hardly depends on what else runs there.
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
    const ways: Readonly<Record<(typeof WAYS)[number], Write>> = {
      bridge: () => rest.produceMany(MESSAGES.map(({ key }) => ({ topic: TOPIC, key, value: VALUE }))),
      native: () =>
        native.send({
          messages: MESSAGES.map(({ key, partition }) => ({
            topic: TOPIC,
            key: Buffer.from(key),
            value: Buffer.from(VALUE),
            partition,
          })),
        }),
    };
    const pids = { broker: server.pid, bridge: bridge.pid ?? 0, client: process.pid };
    const rounds: Round[] = [];
    while (rounds.length < WARM_UP_ROUNDS + ROUNDS)
      rounds.push({ bridge: await measure(ways.bridge, pids), native: await measure(ways.native, pids) });
    tell(rounds.slice(WARM_UP_ROUNDS), rounds.slice(0, 1));
  } finally {
    await native.close(true).catch(() => undefined);
    bridge.kill("SIGKILL");
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function tell(rounds: readonly Round[], first: readonly Round[]): void {
  const row = (name: string, of: readonly Round[], read: (measured: Measured) => number): void => {
    const cells = WAYS.map((way) =>
      Math.round(median(of.map((round) => read(round[way])))).toLocaleString("en"),
    );
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  };
  const ratio = median(rounds.map(({ bridge, native }) => bridge.perSecond / native.perSecond));
  console.log(
    `produceMany of ${MESSAGES_A_REQUEST}, ${CLIENTS} clients, ${VALUE.length} bytes, ${PARTITIONS} partitions`,
  );
  console.log(`| | ${WAYS.join(" | ")} |`);
  console.log("| --- | --- | --- |");
  row("messages/s", rounds, ({ perSecond }) => perSecond);
  row(`in the first ${ROUND_MS} ms after the start`, first, ({ perSecond }) => perSecond);
  for (const name of PROCESSES) row(`µs of CPU a message, ${name}`, rounds, ({ cpuUs }) => cpuUs[name]);
  console.log(`ratio, median of ${rounds.length} rounds: ${ratio.toFixed(2)}`);
  console.log(`load of the machine: ${loadavg()[0]?.toFixed(1)}, this benchmark included`);
  console.log(`goal on two cores with nothing else to do: ${GOAL.toLocaleString("en")} messages/s`);
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

/** Of clients that each wait for their answer. */
async function measure(
  write: Write,
  pids: Readonly<Record<(typeof PROCESSES)[number], number>>,
): Promise<Measured> {
  const cpuMs = (): readonly number[] => PROCESSES.map((name) => cpuMsOf(pids[name]));
  const before = cpuMs();
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
  const tookMs = performance.now() - startedAt;
  const usedUs = (name: (typeof PROCESSES)[number]): number => {
    const index = PROCESSES.indexOf(name);
    return (((cpuMs()[index] ?? 0) - (before[index] ?? 0)) * 1_000) / written;
  };
  return {
    perSecond: (written * 1_000) / tookMs,
    cpuUs: { broker: usedUs("broker"), bridge: usedUs("bridge"), client: usedUs("client") },
  };
}
