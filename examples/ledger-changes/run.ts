import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Kafka } from "@upstash/kafka";
import { ChangeFollower, type FollowerState } from "./follow-changes.ts";

/*
 * Follows the balances of a ledger over Kafka, from where it stopped the last time, until it has
 * all there is.
 *
 *   UPSTASH_KAFKA_REST_URL=… UPSTASH_KAFKA_REST_USERNAME=… UPSTASH_KAFKA_REST_PASSWORD=… \
 *     npx node examples/ledger-changes/run.ts wallet balances.json
 */

const {
  UPSTASH_KAFKA_REST_URL: url = "",
  UPSTASH_KAFKA_REST_USERNAME: username = "",
  UPSTASH_KAFKA_REST_PASSWORD: password = "",
} = process.env;
const [ledger = "wallet", file = "balances.json"] = process.argv.slice(2);
const topic = `playhead-${ledger}-changes`;

const kafka = new Kafka({ url, username, password });
const follower = new ChangeFollower(
  existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as FollowerState) : undefined,
);

const counts: Record<string, number> = {};
const partitions = (await kafka.admin().topics())[topic] ?? 0;
/** Where a partition begins, or ends. */
async function endOf(partition: number, timestamp: "earliest" | "latest"): Promise<number> {
  const topicPartition = { topic, partition };
  const [end] = await kafka.admin().topicPartitionOffsets({ timestamp, topicPartition });
  return end?.offset ?? 0;
}

for (let partition = 0; partition < partitions; partition += 1) {
  // What was kept for shorter than we were away is gone: from what is there on, where it shows.
  follower.clampTo(partition, await endOf(partition, "earliest"), await endOf(partition, "latest"));
  for (;;) {
    const offset = follower.offsetOf(partition);
    const messages = await kafka.consumer().fetch({ topic, partition, offset, timeout: 1_000 });
    if (messages.length === 0) break;
    for (const message of messages) {
      const taken = follower.take(message);
      counts[taken] = (counts[taken] ?? 0) + 1;
      if (taken === "missed") process.stdout.write(`before ${message.value} something is missing\n`);
    }
    // Written beside it and moved there: the file is the old state or the new one, never half.
    writeFileSync(`${file}.new`, JSON.stringify(follower.state));
    renameSync(`${file}.new`, file);
  }
}
process.stdout.write(`${partitions} partitions of ${topic}: ${JSON.stringify(counts)}\n`);
for (const [userId, { balance }] of Object.entries(follower.state.accounts))
  process.stdout.write(`${userId} has ${balance}\n`);
