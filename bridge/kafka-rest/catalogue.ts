import { Admin, type ClusterTopicMetadata } from "@platformatic/kafka";
import { FrontError } from "../shared/front-error.ts";
import { clientOptions, type KafkaAddress } from "./kafka-address.ts";
import { failureOf, isNamed, refusalOf } from "./kafka-failure.ts";
import { byTopic, type TopicPartition, type TopicPartitionOffset } from "./topic-partition.ts";

/** How many partitions a topic has changes about never; others of Kafka's clients ask as seldom. */
const FRESH_MS = 30_000;
const REMEMBERED_MAX = 1_000;
/** Kafka's own words for "before all" and "after all", as timestamps. */
export const EARLIEST = -2n;
export const LATEST = -1n;

/** Everything about topics and offsets that is neither produced nor read. */
export class Catalogue {
  readonly #admin: Admin;
  /** Of a topic that isn't there; null: it stays so. */
  readonly #createPartitions: number | null;
  readonly #known = new Map<string, { readonly partitions: number; readonly atMs: number }>();
  #asked: Promise<boolean> | null = null;

  constructor(address: KafkaAddress, createPartitions: number | null) {
    this.#admin = new Admin(clientOptions(address, "catalogue"));
    this.#admin.setMaxListeners(0);
    this.#createPartitions = createPartitions;
  }

  /**
   * How many partitions a topic has. While Kafka is away, what was known last: a message for it can
   * still wait. Throws {@link FrontError}.
   */
  async partitionsOf(topic: string): Promise<number> {
    const known = this.#known.get(topic);
    if (known !== undefined && Date.now() - known.atMs < FRESH_MS) return known.partitions;
    try {
      const partitions = await this.#askPartitions(topic);
      this.#remember(topic, partitions);
      return partitions;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status !== 503 || known === undefined) throw failure;
      return known.partitions;
    }
  }

  /** Throws {@link FrontError} for a partition that isn't there. */
  async requirePartitions(wanted: readonly TopicPartition[]): Promise<void> {
    for (const [topic, partitions] of byTopic(wanted)) {
      const count = await this.partitionsOf(topic);
      for (const { partition } of partitions) {
        if (partition >= count)
          throw new FrontError(404, `topic ${topic} has no partition ${partition}, it has ${count}`);
      }
    }
  }

  /** Every topic that is not Kafka's own, with its number of partitions. */
  async topics(): Promise<Readonly<Record<string, number>>> {
    try {
      const names = await this.#admin.listTopics();
      const { topics } = await this.#admin.metadata({ topics: names, forceUpdate: true });
      return Object.fromEntries(
        names.flatMap((name) => {
          const count = topics.get(name)?.partitionsCount;
          return count === undefined ? [] : [[name, count] as const];
        }),
      );
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** The first offset in each partition that is of that time or later; -1 where there is none. */
  async offsetsAt(
    timestamp: bigint,
    wanted: readonly TopicPartition[],
  ): Promise<readonly TopicPartitionOffset[]> {
    await this.requirePartitions(wanted);
    try {
      const listed = await this.#admin.listOffsets({
        topics: [...byTopic(wanted)].map(([name, partitions]) => ({
          name,
          partitions: partitions.map(({ partition }) => ({ partitionIndex: partition, timestamp })),
        })),
      });
      return asAsked(
        wanted,
        listed.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, offset }) => ({
            topic: name,
            partition: partitionIndex,
            offset: Number(offset),
          })),
        ),
      );
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** What a group has committed; -1 for a partition of which it has nothing. All of it for null. */
  async committed(
    groupId: string,
    wanted: readonly TopicPartition[] | null,
  ): Promise<readonly TopicPartitionOffset[]> {
    const topics = [...byTopic(wanted ?? [])].map(([name, partitions]) => ({
      name,
      partitionIndexes: partitions.map(({ partition }) => partition),
    }));
    try {
      const [group] = await this.#admin.listConsumerGroupOffsets({
        groups: [wanted === null ? groupId : { groupId, topics }],
      });
      const found = (group?.topics ?? []).flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, committedOffset }) => ({
          topic: name,
          partition: partitionIndex,
          offset: Number(committedOffset),
        })),
      );
      return wanted === null ? found : asAsked(wanted, found);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** Commits for a group that has no member; Kafka refuses it for one that has. */
  async commit(groupId: string, offsets: readonly TopicPartitionOffset[]): Promise<void> {
    await this.requirePartitions(offsets);
    try {
      await this.#admin.alterConsumerGroupOffsets({
        groupId,
        topics: [...byTopic(offsets)].map(([name, partitions]) => ({
          name,
          partitionOffsets: partitions.map(({ partition, offset }) => ({
            partition,
            offset: BigInt(offset),
          })),
        })),
      });
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** Whether Kafka answers at all. Those who ask at once cost it one question. */
  async ping(): Promise<boolean> {
    this.#asked ??= this.#admin
      .metadata({ topics: [], forceUpdate: true })
      .then(() => true)
      .catch(() => false)
      .finally(() => (this.#asked = null));
    return await this.#asked;
  }

  async close(): Promise<void> {
    await this.#admin.close().catch(() => undefined);
  }

  async #askPartitions(topic: string): Promise<number> {
    const ask = async (): Promise<ClusterTopicMetadata | undefined> =>
      (await this.#admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic);
    let found: ClusterTopicMetadata | undefined;
    try {
      found = await ask();
    } catch (error) {
      if (refusalOf(error)?.status !== 404) throw error;
    }
    if (found === undefined && this.#createPartitions !== null) {
      await this.#create(topic, this.#createPartitions);
      found = await ask();
    }
    if (found === undefined) throw new FrontError(404, `there is no topic ${topic}`);
    return found.partitionsCount;
  }

  async #create(topic: string, partitions: number): Promise<void> {
    try {
      await this.#admin.createTopics({ topics: [topic], partitions, replicas: -1 });
    } catch (error) {
      // Another request, or another bridge, was first.
      if (!isNamed(error, "TOPIC_ALREADY_EXISTS")) throw error;
    }
  }

  #remember(topic: string, partitions: number): void {
    this.#known.delete(topic);
    this.#known.set(topic, { partitions, atMs: Date.now() });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED_MAX) break;
      this.#known.delete(oldest);
    }
  }
}

/** Kafka answers by broker; clients find their question by its place. */
function asAsked(
  wanted: readonly TopicPartition[],
  found: readonly TopicPartitionOffset[],
): readonly TopicPartitionOffset[] {
  const offsets = new Map(found.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]));
  return wanted.map(({ topic, partition }) => ({
    topic,
    partition,
    offset: offsets.get(`${topic}:${partition}`) ?? -1,
  }));
}
