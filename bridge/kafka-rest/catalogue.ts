import { Admin } from "@platformatic/kafka";
import { FrontError } from "../shared/front-error.ts";
import { clientOptions, type KafkaAddress } from "./kafka-address.ts";
import { failureOf, isNamed, refusalOf } from "./kafka-failure.ts";
import { limited } from "./limited.ts";
import { byTopic, type TopicPartition, type TopicPartitionOffset } from "./topic-partition.ts";

/** How many partitions a topic has changes about never; others of Kafka's clients ask as seldom. */
const FRESH_MS = 30_000;
const REMEMBERED_MAX = 1_000;
/** A question that takes longer is answered with 503, and the next goes another way. */
const ANSWER_MS_MAX = 5_000;
/** Kafka's own words for "before all" and "after all", as timestamps. */
export const EARLIEST = -2n;
export const LATEST = -1n;

/** Everything about topics and offsets that is neither produced nor read. */
export class Catalogue {
  readonly #address: KafkaAddress;
  #admin: Admin;
  /** Of a topic that isn't there; null: it stays so. */
  readonly #createPartitions: number | null;
  readonly #known = new Map<string, { readonly partitions: number; readonly atMs: number }>();
  #asked: Promise<boolean> | null = null;

  constructor(address: KafkaAddress, createPartitions: number | null) {
    this.#address = address;
    this.#admin = this.#make();
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
    return await this.#ask(async (admin) => {
      const names = await admin.listTopics();
      const { topics } = await admin.metadata({ topics: [...names], forceUpdate: true });
      return Object.fromEntries(
        names.flatMap((name) => {
          const count = topics.get(name)?.partitionsCount;
          return count === undefined ? [] : [[name, count] as const];
        }),
      );
    });
  }

  /** The first offset in each partition that is of that time or later; -1 where there is none. */
  async offsetsAt(
    timestamp: bigint,
    wanted: readonly TopicPartition[],
  ): Promise<readonly TopicPartitionOffset[]> {
    await this.requirePartitions(wanted);
    return await this.#ask(async (admin) => {
      const listed = await admin.listOffsets({
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
    });
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
    return await this.#ask(async (admin) => {
      const [group] = await admin.listConsumerGroupOffsets({
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
    });
  }

  /**
   * Commits for a group that has no member; Kafka refuses it for one that has. The partitions must
   * be there.
   */
  async commit(groupId: string, offsets: readonly TopicPartitionOffset[]): Promise<void> {
    await this.#ask(async (admin) => {
      await admin.alterConsumerGroupOffsets({
        groupId,
        topics: [...byTopic(offsets)].map(([name, partitions]) => ({
          name,
          partitionOffsets: partitions.map(({ partition, offset }) => ({
            partition,
            offset: BigInt(offset),
          })),
        })),
      });
    });
  }

  /** Whether Kafka answers at all. Those who ask at once cost it one question. */
  async ping(): Promise<boolean> {
    this.#asked ??= this.#ask((admin) => admin.metadata({ topics: [], forceUpdate: true }))
      .then(() => true)
      .catch(() => false)
      .finally(() => (this.#asked = null));
    return await this.#asked;
  }

  async close(): Promise<void> {
    await this.#admin.close().catch(() => undefined);
  }

  async #askPartitions(topic: string): Promise<number> {
    return await this.#ask(async (admin) => {
      const count =
        (await countIn(admin, topic)) ??
        (this.#createPartitions === null ? null : await create(admin, topic, this.#createPartitions));
      if (count === null) throw new FrontError(404, `there is no topic ${topic}`);
      return count;
    });
  }

  /** Throws {@link FrontError}. A client that doesn't answer in time is left for a new one. */
  async #ask<Value>(work: (admin: Admin) => Promise<Value>): Promise<Value> {
    const admin = this.#admin;
    try {
      return await limited(work(admin), ANSWER_MS_MAX);
    } catch (error) {
      if (error instanceof FrontError && error.status === 503 && this.#admin === admin) {
        this.#admin = this.#make();
        void admin.close().catch(() => undefined);
      }
      throw failureOf(error);
    }
  }

  #make(): Admin {
    const admin = new Admin(clientOptions(this.#address, "catalogue"));
    admin.setMaxListeners(0);
    return admin;
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

/** Null where there is no such topic. */
async function countIn(admin: Admin, topic: string): Promise<number | null> {
  try {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic)?.partitionsCount ?? null;
  } catch (error) {
    if (refusalOf(error)?.status === 404) return null;
    throw error;
  }
}

async function create(admin: Admin, topic: string, partitions: number): Promise<number | null> {
  try {
    await admin.createTopics({ topics: [topic], partitions, replicas: -1 });
  } catch (error) {
    // Another request, or another bridge, was first.
    if (!isNamed(error, "TOPIC_ALREADY_EXISTS")) throw error;
  }
  return await countIn(admin, topic);
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
