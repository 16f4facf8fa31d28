import { FrontError } from "../shared/front-error.ts";
import { CommittedConsumer, IS_CONTROL } from "./committed-consumer.ts";
import { clientOptions, type KafkaAddress } from "./kafka-address.ts";
import { bytesOf, messageJson, type MessageJson } from "./message-json.ts";
import { byTopic, type TopicPartitionOffset } from "./topic-partition.ts";

/**
 * What is asked for, and what is answered at most, but for the last message: what others have
 * compressed is longer than what Kafka counts.
 */
const RESPONSE_BYTES_MAX = 1_048_576;
type FetchResponse = Awaited<ReturnType<CommittedConsumer["fetch"]>>;
/** Read first, so that a name is never a leftover of an older topic's for longer. */
const METADATA_AGE_MS_MAX = 1_000;

/** What one look has found, and where to look next. */
interface Found {
  readonly messages: readonly MessageJson[];
  readonly next: readonly TopicPartitionOffset[];
}

/**
 * Reads partitions from offsets, without a group. One request at a time: Kafka answers those of a
 * connection one after another, and each may wait.
 */
export class PartitionReader {
  readonly #consumer: CommittedConsumer;

  constructor(address: KafkaAddress) {
    this.#consumer = new CommittedConsumer({
      ...clientOptions(address, "reader"),
      // Never joined.
      groupId: "kafka-rest-reader",
      metadataMaxAge: METADATA_AGE_MS_MAX,
    });
    this.#consumer.on("error", () => undefined);
  }

  /**
   * What is there from those offsets on, in each partition in its order; empty if nothing comes
   * within `waitMs`.
   */
  async read(from: readonly TopicPartitionOffset[], waitMs: number): Promise<readonly MessageJson[]> {
    const deadlineMs = Date.now() + waitMs;
    let at = from;
    for (;;) {
      const left = Math.max(0, deadlineMs - Date.now());
      const { messages, next } = await this.#look(at, left);
      // What was rolled back is skipped, or whoever reads from here would never get past it.
      const moved = next.some(({ offset }, index) => offset !== at[index]?.offset);
      if (messages.length > 0 || !moved) return messages;
      at = next;
    }
  }

  async close(): Promise<void> {
    await this.#consumer.close(true).catch(() => undefined);
  }

  async #look(from: readonly TopicPartitionOffset[], waitMs: number): Promise<Found> {
    const topics = [...new Set(from.map(({ topic }) => topic))];
    for (const topic of this.#consumer.topics.current)
      if (!topics.includes(topic)) this.#consumer.topics.untrack(topic);
    for (const topic of topics)
      if (!this.#consumer.topics.current.includes(topic)) this.#consumer.topics.track(topic);
    const metadata = await this.#consumer.metadata({ topics: [...topics] });
    const leaderOf = ({ topic, partition }: TopicPartitionOffset): number => {
      const leader = metadata.topics.get(topic)?.partitions[partition]?.leader;
      if (leader === undefined) throw new FrontError(404, `topic ${topic} has no partition ${partition}`);
      if (leader < 0) throw new FrontError(503, `partition ${partition} of ${topic} has no leader`);
      return leader;
    };
    const idOf = (topic: string): string => metadata.topics.get(topic)?.id ?? "";
    const names = new Map(topics.map((topic) => [idOf(topic), topic]));
    const share = Math.ceil(RESPONSE_BYTES_MAX / from.length);
    const responses = await Promise.all(
      [...Map.groupBy(from, leaderOf)].map(([node, own]) =>
        this.#consumer.fetch({
          node,
          maxBytes: RESPONSE_BYTES_MAX,
          minBytes: 1,
          maxWaitTime: waitMs,
          topics: [...byTopic(own)].map(([topic, partitions]) => ({
            topicId: idOf(topic),
            partitions: partitions.map(({ partition, offset }) => ({
              partition,
              fetchOffset: BigInt(offset),
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
              partitionMaxBytes: share,
            })),
          })),
        }),
      ),
    );
    return foundIn(responses, names, from);
  }
}

function foundIn(
  responses: readonly FetchResponse[],
  names: ReadonlyMap<string, string>,
  from: readonly TopicPartitionOffset[],
): Found {
  const next = new Map(from.map((item) => [`${item.topic}:${item.partition}`, item]));
  const messages: MessageJson[] = [];
  let bytes = 0;
  for (const { topicId, partitions } of responses.flatMap((response) => response.responses)) {
    const topic = names.get(topicId);
    for (const { partitionIndex: partition, records } of partitions) {
      const asked = next.get(`${topic}:${partition}`);
      if (topic === undefined || asked === undefined) continue;
      for (const batch of records ?? []) {
        const end = Number(batch.firstOffset) + batch.lastOffsetDelta + 1;
        if (end > asked.offset) next.set(`${topic}:${partition}`, { topic, partition, offset: end });
        if ((batch.attributes & IS_CONTROL) !== 0) continue;
        for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
          const offset = batch.firstOffset + BigInt(offsetDelta);
          // A batch is sent whole, though it begins before.
          if (offset < BigInt(asked.offset)) continue;
          if (bytes >= RESPONSE_BYTES_MAX) return { messages, next: [...next.values()] };
          bytes += bytesOf({ key, value, headers });
          const timestamp = batch.firstTimestamp + timestampDelta;
          messages.push(messageJson({ topic, partition, offset, timestamp, key, value, headers }));
        }
      }
    }
  }
  return { messages, next: [...next.values()] };
}
