/** One log of Kafka's, within which there is an order. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** By topic, in the order in which each came first. */
export function byTopic<Item extends TopicPartition>(
  items: readonly Item[],
): ReadonlyMap<string, readonly Item[]> {
  return Map.groupBy(items, ({ topic }) => topic);
}
