import * as z from "zod";
import { storedItemKeySchema } from "../../contracts/history.ts";
import type { RecordKey } from "./record.ts";
import { historyUserIdSchema } from "./record-schema.ts";

/** There are at most 4,096 shards: a number beyond them would make an object for nobody. */
const shardSchema = z.int().min(0).max(4_095);

const envelopeSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("flush"), shard: shardSchema, users: z.array(z.unknown()) }),
  z.object({ type: z.literal("refill"), shard: shardSchema, userId: historyUserIdSchema }),
]);
const userSchema = z.tuple([historyUserIdSchema, z.array(z.unknown())]);

/**
 * What travels through the queue: keys only, many users a message. The records themselves stay in
 * the shard until the job asks.
 */
export interface FlushMessage {
  readonly type: "flush";
  readonly shard: number;
  /** User by user: the id and the items as `kind/itemId`. */
  readonly users: readonly (readonly [userId: string, items: readonly string[]])[];
}

/** Asks the job to make a shard load a user whom D1 could not give when they were read. */
export type RefillMessage = z.infer<(typeof envelopeSchema)["options"][1]>;

export type QueueMessage = FlushMessage | RefillMessage;

/** A message as it was read, and how many of its keys are none. */
export interface ReadMessage {
  readonly message: QueueMessage;
  readonly badKeys: number;
}

/**
 * Reads what came from the queue, each key by itself: a bad one is left out and counted. Null where
 * it is no message of ours.
 */
export function readQueueMessage(body: unknown): ReadMessage | null {
  const envelope = envelopeSchema.safeParse(body);
  if (!envelope.success) return null;
  if (envelope.data.type === "refill") return { message: envelope.data, badKeys: 0 };
  const { type, shard, users } = envelope.data;
  const good: [string, string[]][] = [];
  let badKeys = 0;
  for (const candidate of users) {
    const user = userSchema.safeParse(candidate);
    if (!user.success) {
      badKeys += 1;
      continue;
    }
    const [userId, items] = user.data;
    const goodItems = items.filter(
      (item) => typeof item === "string" && storedItemKeySchema.safeParse(itemKeyOf(item)).success,
    ) as string[];
    badKeys += items.length - goodItems.length;
    if (goodItems.length > 0) good.push([userId, goodItems]);
  }
  return { message: { type, shard, users: good }, badKeys };
}

/** A queue message may have 128 KB; ours stay well below it, whatever the encoding adds. */
const MESSAGE_BYTES_MAX = 100_000;
/** Quotes, brackets and commas around one text in JSON. */
const TEXT_OVERHEAD_BYTES = 8;

/** Packs keys into messages of at most {@link MESSAGE_BYTES_MAX} bytes. */
export function packFlushMessages(shard: number, keys: readonly RecordKey[]): FlushMessage[] {
  const itemsOf = Map.groupBy(keys, (key) => key.userId);
  const messages: FlushMessage[] = [];
  let users: [string, string[]][] = [];
  let bytes = 0;
  const close = (): void => {
    if (users.length > 0) messages.push({ type: "flush", shard, users });
    users = [];
    bytes = 0;
  };
  for (const [userId, userKeys] of itemsOf) {
    let items: string[] | null = null;
    for (const { kind, itemId } of userKeys) {
      const item = `${kind}/${itemId}`;
      const itemBytes = item.length + TEXT_OVERHEAD_BYTES;
      if (bytes + itemBytes + userId.length > MESSAGE_BYTES_MAX) {
        close();
        items = null;
      }
      if (items === null) {
        items = [];
        users.push([userId, items]);
        bytes += userId.length + TEXT_OVERHEAD_BYTES;
      }
      items.push(item);
      bytes += itemBytes;
    }
  }
  close();
  return messages;
}

/** The keys of a message, as {@link packFlushMessages} was given them. */
export function unpackFlushMessage(message: FlushMessage): RecordKey[] {
  return message.users.flatMap(([userId, items]) => items.map((item) => ({ userId, ...itemKeyOf(item) })));
}

/** Reads a `kind/itemId`; without a slash it becomes something that is no key. */
function itemKeyOf(item: string): { readonly kind: string; readonly itemId: string } {
  const slash = item.indexOf("/");
  return { kind: item.slice(0, Math.max(0, slash)), itemId: item.slice(slash + 1) };
}
