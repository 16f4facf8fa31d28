import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { kafkaJars, missingForKafka } from "../../../scripts/runtime/kafka-jars.ts";
import { startKafkaServer } from "../../../scripts/runtime/kafka-server.ts";

export const BROKER_PASSWORD = "a-password-for-the-tests-only";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the broker that files share which do no harm to it. */
    kafkaPort: number;
    kafkaJars: string;
  }
}

/** To start one takes seconds. */
export default async function oneBroker(project: TestProject): Promise<() => Promise<void>> {
  const missing = missingForKafka();
  if (missing !== null) throw new Error(missing);
  const dir = mkdtempSync(join(tmpdir(), "playhead-kafka-"));
  const jars = await kafkaJars((text) => void process.stdout.write(`${text}\n`));
  const server = await startKafkaServer({ dir, jars, password: BROKER_PASSWORD });
  project.provide("kafkaPort", server.ports.client);
  project.provide("kafkaJars", jars);
  return async () => {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  };
}
