import { Kafka } from "@upstash/kafka";
import { inject } from "vitest";
import type { KafkaAddress } from "../../../bridge/kafka-rest/kafka-address.ts";
import { startBridge, type BridgeLimits } from "../../../bridge/kafka-rest/start-bridge.ts";
import { BROKER_PASSWORD } from "./one-broker.ts";

const LOGIN = { username: "tests", password: "another-password-for-the-tests" };

/** A bridge in this process, before the broker that files share. */
export interface LocalBridge {
  readonly url: string;
  /** As an application has it. */
  readonly client: Kafka;
  /** A request as it is, for what no client would send, and without a client's tries. */
  readonly post: (
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<{ readonly status: number; readonly body: unknown }>;
  readonly log: () => readonly string[];
  readonly close: () => Promise<void>;
}

export function brokerAt(port: number): KafkaAddress {
  return {
    brokers: [`127.0.0.1:${port}`],
    login: { mechanism: "PLAIN", username: "playhead", password: BROKER_PASSWORD },
  };
}

export async function startLocalBridge(limits: Partial<BridgeLimits> = {}): Promise<LocalBridge> {
  const log: string[] = [];
  const bridge = await startBridge({
    kafka: brokerAt(inject("kafkaPort")),
    login: LOGIN,
    port: 0,
    createPartitions: 3,
    limits,
    log: (level, event, fields = {}) => void log.push(`${level} ${event} ${JSON.stringify(fields)}`),
  });
  return {
    url: bridge.url,
    client: new Kafka({ url: bridge.url, ...LOGIN }),
    post: async (path, body, headers = {}) => await post(bridge.url + path, body, headers),
    log: () => log,
    close: bridge.close,
  };
}

const AUTHORIZATION = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString("base64")}`;

async function post(url: string, body: unknown, headers: Readonly<Record<string, string>>) {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: AUTHORIZATION, ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

let topics = 0;

/** One that no other test has. */
export function newTopic(): string {
  topics += 1;
  return `topic-${process.pid}-${Date.now()}-${topics}`;
}
