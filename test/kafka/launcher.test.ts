import { Kafka } from "@upstash/kafka";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, inject, it } from "vitest";
import { startBridge } from "../../bridge/kafka-rest/start-bridge.ts";
import { endKafkaOf, KAFKA_USERNAME, startKafkaServer } from "../../scripts/runtime/kafka-server.ts";
import { launchScript, type LaunchedScript } from "../support/platforms/launched-script.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-kafka-launcher-"));
const stateDir = join(folder, "state");
const running: LaunchedScript[] = [];

afterEach(async () => {
  for (const { process: child, ended } of running.splice(0)) {
    child.kill("SIGTERM");
    await ended;
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(): Promise<LaunchedScript & { readonly client: Kafka }> {
  const script = launchScript(["--port", "0", "--state", stateDir, "--kafka"]);
  running.push(script);
  await script.ready;
  const [, url = "", username = "", passwordFile = ""] =
    /front for @upstash\/kafka on (\S+), the username is (\S+), the password is in (\S+)/.exec(
      script.stdout(),
    ) ?? [];
  expect(statSync(passwordFile).mode & 0o077).toBe(0);
  const password = readFileSync(passwordFile, "utf8").trim();
  return { ...script, client: new Kafka({ url, username, password }) };
}

const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};
const brokerPid = (dir: string): number => Number(readFileSync(join(dir, "kafka.pid"), "utf8"));

describe("npm start -- --kafka", () => {
  it(
    "starts both, says where, keeps what is written, and leaves no process behind",
    { timeout: 300_000 },
    async () => {
      const first = await start();
      const told = await first.client.producer().produce("kept", "yes", { key: "k" });
      const pid = brokerPid(join(stateDir, "kafka"));
      expect(isRunning(pid)).toBe(true);
      first.process.kill("SIGTERM");
      expect(await first.ended).toBe(0);
      expect(isRunning(pid)).toBe(false);

      const second = await start();
      const { topic, partition, offset } = told;
      const kept = await second.client.consumer().fetch({ topic, partition, offset, timeout: 5_000 });
      expect(kept.map(({ value }) => value)).toEqual(["yes"]);
      process.kill(brokerPid(join(stateDir, "kafka")), "SIGKILL");
      expect(await second.ended).toBe(1);
      expect(second.stderr()).toContain("Kafka died; everything stops");
    },
  );
});

describe("a broker of ours", () => {
  it("starts in any folder and with any password, and again", { timeout: 120_000 }, async () => {
    const dir = join(folder, "müller, play head", "kafka");
    const password = String.raw`pass"wörd\with a \n and =`;
    const login = { username: "tests", password: "another-password-for-the-tests" } as const;
    for (const offset of [0, 1]) {
      const server = await startKafkaServer({ dir, jars: inject("kafkaJars"), password });
      const bridge = await startBridge({
        kafka: {
          brokers: [`127.0.0.1:${server.ports.client}`],
          login: { mechanism: "PLAIN", username: KAFKA_USERNAME, password },
        },
        login,
        port: 0,
        createPartitions: 1,
        log: () => undefined,
      });
      const told = await new Kafka({ url: bridge.url, ...login }).producer().produce("kept", "x");
      expect(told.offset).toBe(offset);
      await bridge.close();
      await server.stop();
    }
    expect(existsSync(join(dir, "data", "meta.properties"))).toBe(true);
  });
});

describe("a broker of ours that a launcher has left behind", () => {
  it("is ended by the next one, and before its folder is forgotten", { timeout: 120_000 }, async () => {
    const dir = join(folder, "left-behind");
    const one = { dir, jars: inject("kafkaJars"), password: "a-password-for-the-tests" };
    const first = await startKafkaServer(one);
    endKafkaOf(join(folder, "another"));
    expect(isRunning(first.pid)).toBe(true);
    const second = await startKafkaServer(one);
    expect([isRunning(first.pid), isRunning(second.pid)]).toEqual([false, true]);
    endKafkaOf(dir);
    await until("it has ended", () => !isRunning(second.pid));
  });
});
