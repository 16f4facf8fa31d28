import * as z from "zod";
import type { RecordKey } from "./record.ts";

/**
 * What travels through the queue: keys only, many users a message. The records themselves stay in the shard until the job asks.
 * `refill` asks the job to make a shard load a user whom D1 could not give when they were read.
 */
export const queueMessageSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("flush"),
    shard: z.int().min(0),
    /** User by user: the id and the items as `kind/itemId`. */
    users: z.array(z.tuple([z.string(), z.array(z.string())])),
  }),
  z.object({ type: z.literal("refill"), shard: z.int().min(0), userId: z.string() }),
]);

export type QueueMessage = z.infer<typeof queueMessageSchema>;
export type FlushMessage = Extract<QueueMessage, { type: "flush" }>;

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
  return message.users.flatMap(([userId, items]) =>
    items.map((item) => {
      const slash = item.indexOf("/");
      return { userId, kind: item.slice(0, slash), itemId: item.slice(slash + 1) };
    }),
  );
}
