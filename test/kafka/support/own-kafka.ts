import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { freePort } from "../../../scripts/runtime/free-port.ts";
import { startKafkaServer, type RunningKafka } from "../../../scripts/runtime/kafka-server.ts";
import { startCuttingProxy, type CuttingProxy } from "./cutting-proxy.ts";
import { BROKER_PASSWORD } from "./one-broker.ts";

const PASSWORD = "another-password-for-the-tests";
/** Of the bridge. */
export const LOGIN = { username: "playhead", password: PASSWORD } as const;
export const AUTHORIZATION = `Basic ${Buffer.from(`playhead:${PASSWORD}`).toString("base64")}`;

/** A broker of the test's own, what loses its answers, and a bridge that is a process. */
export interface OwnKafka {
  readonly url: string;
  readonly proxy: CuttingProxy;
  readonly killBroker: () => Promise<void>;
  readonly restartBroker: () => Promise<void>;
  readonly signalBridge: (signal: "SIGKILL" | "SIGTERM") => Promise<number | string | null>;
  readonly restartBridge: () => Promise<void>;
  /** Of the bridge. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

export async function startOwnKafka(): Promise<OwnKafka> {
  const dir = mkdtempSync(join(tmpdir(), "playhead-own-kafka-"));
  const proxy = await startCuttingProxy();
  const ports = { client: await freePort(), controller: await freePort(), told: proxy.port };
  proxy.target = ports.client;
  let died: () => void = () => undefined;
  const start = async (): Promise<RunningKafka> =>
    await startKafkaServer({
      dir,
      jars: inject("kafkaJars"),
      password: BROKER_PASSWORD,
      ports,
      onDeath: () => died(),
    });
  let broker = await start();
  const port = await freePort();
  let log = "";
  const startBridge = async (): Promise<ChildProcess> => {
    const child = spawn(
      process.execPath,
      ["bridge/kafka-rest/main.ts", "--port", String(port), "--kafka", `127.0.0.1:${proxy.port}`],
      {
        cwd: PROJECT_ROOT,
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          KAFKA_USERNAME: "playhead",
          KAFKA_PASSWORD: BROKER_PASSWORD,
          KAFKA_REST_PASSWORD: PASSWORD,
          KAFKA_CREATE_TOPICS: "3",
        },
      },
    );
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
    await once(child.stdout, "data");
    return child;
  };
  let bridge = await startBridge();
  const signalBridge = async (signal: "SIGKILL" | "SIGTERM"): Promise<number | string | null> => {
    const closed = once(bridge, "exit") as Promise<[number | null, string | null]>;
    bridge.kill(signal);
    const [code, by] = await closed;
    return code ?? by;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    proxy,
    killBroker: async () => {
      const death = new Promise<void>((resolve) => (died = resolve));
      process.kill(broker.pid, "SIGKILL");
      await death;
    },
    restartBroker: async () => {
      broker = await start();
    },
    signalBridge,
    restartBridge: async () => {
      bridge = await startBridge();
    },
    log: () => log,
    stop: async () => {
      if (bridge.exitCode === null && bridge.signalCode === null) await signalBridge("SIGKILL");
      await proxy.close();
      await broker.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
