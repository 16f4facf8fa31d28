import * as z from "zod";
import { MAIN_CELL } from "../../contracts/cell.ts";
import { storedItemKeySchema } from "../../contracts/history.ts";
import type { RecordKey } from "./record.ts";
import { historyUserIdSchema } from "./record-schema.ts";
import { shardName, shardNamed, SHARDS_MAX, type ShardPlace } from "../../contracts/shard-name.ts";

/** Which shard a message is of: its cell too, unless that is `main`. */
interface OfShard {
  readonly cell?: string;
  readonly shard: number;
}

/**
 * A shard of `main` is its number, as ever. One of another cell is its object's name: a job from
 * before there were cells would ask `main` for what is pending elsewhere, so it must not be able to
 * read it.
 */
const shardSchema = z.union([
  z
    .int()
    .min(0)
    .max(SHARDS_MAX - 1)
    .transform((shard): OfShard => ({ shard })),
  z.string().transform((name, ctx): OfShard => {
    const place = shardNamed(name);
    if (place !== null && place.cell !== MAIN_CELL) return place;
    ctx.issues.push({ code: "custom", message: "is no shard of a cell", input: name });
    return z.NEVER;
  }),
]);

const envelopeSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("flush"),
    shard: shardSchema,
    users: z.array(z.unknown()),
    states: z.unknown().optional(),
  }),
  z.object({ type: z.literal("refill"), shard: shardSchema, userId: historyUserIdSchema }),
]);
const userSchema = z.tuple([historyUserIdSchema, z.array(z.unknown())]);

/**
 * What travels through the queue: keys only, many users a message. The records themselves stay in
 * the shard until the job asks.
 */
export interface FlushMessage {
  readonly type: "flush";
  /** Absent: `main`. */
  readonly cell?: string;
  readonly shard: number;
  /** User by user: the id and the items as `kind/itemId`. */
  readonly users: readonly (readonly [userId: string, items: readonly string[]])[];
  /**
   * Users of whom something as a whole is to be written. Absent where there are none; a job of the
   * release before doesn't see it, and they are sent again.
   */
  readonly states?: readonly string[];
}

/** Asks the job to make a shard load a user whom D1 could not give when they were read. */
export interface RefillMessage extends OfShard {
  readonly type: "refill";
  readonly userId: string;
}

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
  if (envelope.data.type === "refill") {
    const { type, shard: ofShard, userId } = envelope.data;
    return { message: { type, ...ofShard, userId }, badKeys: 0 };
  }
  const { type, shard: ofShard, users, states } = envelope.data;
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
  const ofUsers = states === undefined ? NO_STATES : readStates(states);
  const message = { type, ...ofShard, users: good, ...statesOf(ofUsers.userIds) };
  return { message, badKeys: badKeys + ofUsers.badKeys };
}

const NO_STATES = { userIds: [], badKeys: 0 } as const;

function readStates(states: unknown): { readonly userIds: readonly string[]; readonly badKeys: number } {
  if (!Array.isArray(states)) return { userIds: [], badKeys: 1 };
  const userIds = (states as readonly unknown[]).filter(
    (userId): userId is string => historyUserIdSchema.safeParse(userId).success,
  );
  return { userIds, badKeys: states.length - userIds.length };
}

/** A message says nothing of states where there are none, as every one of the release before. */
function statesOf(userIds: readonly string[]): Pick<FlushMessage, "states"> {
  return userIds.length === 0 ? {} : { states: userIds };
}

/** What travels of a message that a shard of `cell` sends; {@link readQueueMessage} reads it. */
export function bodyOf(message: QueueMessage, cell: ShardPlace["cell"]): object {
  return cell === MAIN_CELL ? message : { ...message, shard: shardName({ cell, shard: message.shard }) };
}

/** A queue message may have 128 KB; ours stay well below it, whatever the encoding adds. */
const MESSAGE_BYTES_MAX = 100_000;
/** Quotes, brackets and commas around one text in JSON. */
const TEXT_OVERHEAD_BYTES = 8;

/**
 * Packs keys, and users whose state as a whole is to be written, into messages of at most
 * {@link MESSAGE_BYTES_MAX} bytes.
 */
export function packFlushMessages(
  shard: number,
  keys: readonly RecordKey[],
  states: readonly string[] = [],
): FlushMessage[] {
  const itemsOf = Map.groupBy(keys, (key) => key.userId);
  const messages: FlushMessage[] = [];
  let users: [string, string[]][] = [];
  let ofStates: string[] = [];
  let bytes = 0;
  const close = (): void => {
    if (bytes > 0) messages.push({ type: "flush", shard, users, ...statesOf(ofStates) });
    users = [];
    ofStates = [];
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
  for (const userId of states) {
    const stateBytes = userId.length + TEXT_OVERHEAD_BYTES;
    if (bytes + stateBytes > MESSAGE_BYTES_MAX) close();
    ofStates.push(userId);
    bytes += stateBytes;
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
