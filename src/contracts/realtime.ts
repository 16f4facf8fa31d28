import * as z from "zod";
import { PUSH_BODY_BYTES_MAX } from "./realtime-ops.ts";
import type { CallContext } from "./call-context.ts";
import {
  DEVICE_ID,
  itemKeySchema,
  placeSchema,
  PLAYBACK_EVENTS,
  POSITION_MS_MAX,
  type Change,
  type ChangePage,
  type DatedReport,
  type ReportReceipt,
} from "./history.ts";
import { OBJECT_NAME } from "./shard-name.ts";

export { PUSH_BODY_BYTES_MAX, REALTIME_OPS } from "./realtime-ops.ts";

export const OPS_PER_SOCKET_MAX = 256;
export const ROOM_ID_BYTES_MAX = 128;
export const KEY_BYTES_MAX = 128;
export const SOCKETS_PER_USER_MAX = 10;
export const SOCKETS_PER_COMET_MAX = 20_000;
export const MESSAGES_PER_SECOND_MAX = 20;
/** A room that nobody was in is an object more, with rows of its own. */
export const ROOM_CHANGES_PER_MINUTE_MAX = 30;
/** A socket is idle for so long without a heartbeat of either kind. */
export const IDLE_MS_MAX = 8 * 60_000;
/** Op 7 must have come by then. */
export const AUTH_MS_MAX = 5_000;
/** However well its session is: a client signs in anew once a day. */
export const SOCKET_AGE_MS_MAX = 24 * 3_600_000;
/** Bytes that a socket is sent between two signs of life. */
export const UNREAD_BYTES_MAX = 1_048_576;
/** Messages that a room remembers, and for how long. */
export const ROOM_RING_MAX = 100;
export const ROOM_RING_MS = 5 * 60_000;

/** Why a socket is closed. Each has a row in docs/design/realtime.md: what a client should do. */
export const CLOSE_CODES = {
  /** Packets that are none, or a first one that isn't op 7. */
  malformed: 1002,
  /** A packet longer than a client may send. */
  tooLong: 1009,
  /** Ours: the object is being replaced, or has failed. */
  restarting: 1012,
  /** The token is no good, of another user, or its session has ended. */
  unauthenticated: 4401,
  /** Guests have no place here. */
  forbidden: 4403,
  /** No op 7 in time. */
  authTimeout: 4408,
  /** Another connection has taken the same key. */
  replaced: 4409,
  /** No sign of life for eight minutes, or a day old. */
  idle: 4410,
  /** It doesn't read what it is sent. */
  stalled: 4413,
  /** What it asks for can't be: a bad key, room, list of ops. */
  invalid: 4422,
  /** More messages than a socket may send. */
  flooding: 4429,
  /** More sockets than a user, or an object, may have. */
  tooMany: 4430,
} as const;
export type CloseReason = keyof typeof CLOSE_CODES;

const utf8Max = (bytes: number) => (text: string) => new TextEncoder().encode(text).length <= bytes;
/** A surrogate alone becomes another character on its way to an object by its name. */
const isWellFormed = (text: string) => text.isWellFormed();
const ILL_FORMED = "must be Unicode";

export const opSchema = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);
export const roomIdSchema = z
  .string()
  .regex(/^[^\s:/]+:\/\/\S+$/, "must be type://id")
  .refine(isWellFormed, ILL_FORMED)
  .refine(utf8Max(ROOM_ID_BYTES_MAX), `must have at most ${ROOM_ID_BYTES_MAX} bytes`);
/** A connection's name, by which another one of the same replaces it. */
export const keySchema = z
  .string()
  .refine(isWellFormed, ILL_FORMED)
  .refine(utf8Max(KEY_BYTES_MAX), `must have at most ${KEY_BYTES_MAX} bytes`);
/** A comet's: of a shard, or of guests. */
export const cometNameSchema = z.string().regex(OBJECT_NAME);
/** Where a client has got to in a room. */
export const roomPlaceSchema = z.object({
  epoch: z.string().regex(/^[0-9a-z]{1,32}$/),
  offset: z
    .int()
    .min(0)
    .max(2 ** 31 - 1),
});

/** Body of op 7: goim's, and ours beside it. */
export const authSchema = z.object({
  /** goim sends an empty text for none. */
  key: keySchema.transform((key) => (key === "" ? undefined : key)).optional(),
  /** The same for no room. */
  room_id: z.union([z.literal(""), roomIdSchema]).optional(),
  accepts: z.array(opSchema).max(OPS_PER_SOCKET_MAX).nullish(),
  platform: z.string().max(64).optional(),
  /** goim's user id: a number or a text that says nothing here. */
  mid: z.unknown().optional(),
  token: z.string().max(4_096).optional(),
  device: z.object({ id: z.string().regex(DEVICE_ID), name: z.string().max(64).exactOptional() }).optional(),
  /** The last cursor of `changes` that this device has: what came after it is sent first. */
  since: placeSchema.optional(),
  /** What this device has of its room. */
  room_since: roomPlaceSchema.optional(),
});
export type SocketAuth = z.infer<typeof authSchema>;

/** Body of op 2005 from a client. */
export const commandSchema = z.object({
  to: z.string().regex(DEVICE_ID),
  command: z.enum(["play", "pause", "seek"]),
  item: itemKeySchema.optional(),
  positionMs: z.int().min(0).max(POSITION_MS_MAX).optional(),
  event: z.enum(PLAYBACK_EVENTS).optional(),
});
export type DeviceCommand = z.infer<typeof commandSchema>;
/** Body of op 2005 to the device that is told: which other one wishes it, if that has a name. */
export type DeviceCommandBody = Omit<DeviceCommand, "to"> & { readonly from?: string };

/** Body of op 2002, and of the first packet of a resync (op 2006). */
export interface ChangedBody {
  readonly changes: readonly Change[];
  readonly cursor: string;
  /** Whether more of the same follows at once. */
  readonly more?: true;
}

/**
 * Which of two cursors of a user is the later one: revisions, as history counts them. For our own
 * workers; to clients a cursor says nothing.
 */
export function revOf(cursor: string): number {
  return Number.parseInt(cursor.split(".", 1)[0] ?? "", 36);
}

/** Body of op 2004. */
export interface DevicesBody {
  readonly devices: readonly { readonly id: string; readonly name?: string; readonly since: number }[];
}

/** Body of op 2003. */
export interface TransferSettledBody {
  readonly transferId: string;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly settledAt: number;
}

/**
 * Body of op 2007, to `/v1/realtime` only: on such sockets the `seq` of a room's message is its
 * offset. `missed`: what came after the client's place is not remembered any more.
 */
export interface RoomPlaceBody {
  readonly room: string;
  readonly epoch: string;
  readonly offset: number;
  readonly missed?: true;
}

/*
 * Between workers
 */

/** What a shard tells the comet where a user listens. */
export type UserNews =
  | {
      readonly userId: string;
      readonly changes: readonly Change[];
      /** The user's place after them. */
      readonly cursor: string;
      /** The socket that all of it came from, which knows. */
      readonly except?: string;
    }
  /** Something after this place has not been told: the comet asks for it. */
  | { readonly userId: string; readonly behind: string }
  | { readonly userId: string; readonly erased: true };

/**
 * Who listens to a user's history: how many sockets, in which comet. A call may come late: what a
 * leave says counts only where `version` is not below that of the last join. A join always counts.
 */
export interface Listener {
  readonly userId: string;
  /** 0: nobody does any more. */
  readonly sockets: number;
  /** Grows with each join and leave of the user, as the comet's clock says, in ms. */
  readonly version: number;
}

/** The reports that one socket has sent. */
export interface SocketReports {
  readonly userId: string;
  readonly socket: string;
  readonly reports: readonly DatedReport[];
  /** Whether the user has other sockets in this comet. */
  readonly others: boolean;
  /**
   * When that was so, on the scale of {@link Listener.version}: of one that has joined since the
   * shard knows by its join. News go out where either says so.
   */
  readonly version: number;
}

export type SocketReceipt =
  | { readonly receipt: ReportReceipt }
  /** None of them was taken. */
  | { readonly failure: { readonly code: string; readonly retryAfterMs?: number } };

/**
 * What the realtime worker may ask of history (entrypoint `Sockets`). It has authenticated whom it
 * names. Every method takes the users' cell; absent: `main`.
 */
export interface HistorySockets {
  /** How many shards the cell has, by which mapping. */
  mapping(ctx: CallContext, cell?: string): Promise<{ readonly version: number; readonly shards: number }>;
  /**
   * The caller (`ctx.principal`) listens in this comet from now on, with so many sockets; with
   * `since`, what has changed after that place, as `changes` says it.
   */
  join(
    ctx: CallContext,
    order: {
      readonly comet: string;
      readonly sockets: number;
      readonly version: number;
      readonly since?: string;
      readonly limit?: number;
    },
  ): Promise<{ readonly page: ChangePage | null }>;
  /** Some listen no more, or with fewer sockets. */
  leave(ctx: CallContext, comet: string, listeners: readonly Listener[], cell?: string): Promise<void>;
  /** Makes the reports of many users durable; each socket is answered for itself, in order. */
  report(
    ctx: CallContext,
    comet: string,
    batch: readonly SocketReports[],
    cell?: string,
  ): Promise<readonly SocketReceipt[]>;
}

/** Where the messages of a room are. */
export interface RoomPlace {
  readonly epoch: string;
  /** Of the last message; 0: none yet. */
  readonly offset: number;
}

export interface RoomMessage {
  readonly op: number;
  readonly offset: number;
  readonly body: Uint8Array;
}

/** Users, or keys, that one push may name. */
export const TARGETS_PER_PUSH_MAX = 1_000;
/** What is below belongs to the protocol. */
const BUSINESS_OP_MIN = 1_000;
export const pushOpSchema = opSchema.min(BUSINESS_OP_MIN);
export const pushMessageSchema = z.object({
  op: pushOpSchema,
  body: z
    .instanceof(Uint8Array)
    .refine(
      ({ byteLength }) => byteLength <= PUSH_BODY_BYTES_MAX,
      `must have at most ${PUSH_BODY_BYTES_MAX} bytes`,
    ),
});

/** What a push to sockets carries: `op` is one that clients accept. */
export interface PushMessage {
  readonly op: number;
  readonly body: Uint8Array;
}

/** What a comet object answers over RPC. */
export interface CometRpc {
  /** From history shards. Answers the users who have no socket here. */
  changed(news: readonly UserNews[]): Promise<{ readonly gone: readonly string[] }>;
  /** To sockets of these users; honours what they accept. */
  pushUsers(userIds: readonly string[], message: PushMessage): Promise<{ readonly delivered: number }>;
  /** To sockets with these keys: of a user, or of guests where it is null. */
  pushKeys(
    userId: string | null,
    keys: readonly string[],
    message: PushMessage,
  ): Promise<{ readonly delivered: number }>;
  pushAll(message: PushMessage): Promise<{ readonly delivered: number }>;
  /**
   * From a room: to its members, whatever they accept. Answers how many there are, those who are
   * still coming in among them; without messages that is all it does. The same may come twice, in
   * the order of offsets.
   */
  pushRoom(
    room: string,
    epoch: string,
    messages: readonly RoomMessage[],
  ): Promise<{ readonly delivered: number }>;
  online(): Promise<{ readonly sockets: number; readonly users: number }>;
}

/** What a room object answers over RPC. */
export interface RoomRpc {
  /**
   * A comet has so many members of it now; 0: none any more. Who is still coming in counts. Answers
   * where the room is, what came after `since` where somebody has just come back with that, and how
   * many are online in all. What is missed may be pushed to that comet once more, or what came
   * after it before this answer: offsets tell.
   *
   * @param version - grows with each call of the comet about this room, such as its clock in ms: a
   *   lower count counts only where it isn't older than the last; the later one if absent
   */
  members(
    comet: string,
    count: number,
    since?: RoomPlace,
    version?: number,
  ): Promise<{
    readonly place: RoomPlace;
    readonly online: number;
    /** Null: it is not remembered any more. Absent where nobody asked. */
    readonly missed?: readonly RoomMessage[] | null;
  }>;
  /**
   * Answers when the comets that are well have it, with how many members those have. Throws
   * `OVERLOADED` while as many wait as a room remembers.
   */
  push(message: PushMessage): Promise<{ readonly delivered: number }>;
  /** No comet's count in it is older than some seconds, but of those that can't be reached. */
  online(): Promise<number>;
}

/** What services and the ops BFF may ask of the realtime worker (entrypoint `Pushes`). */
export interface RealtimePushes {
  /** `cell`: where they are at home; absent: wherever they are. */
  users(
    ctx: CallContext,
    userIds: readonly string[],
    message: PushMessage,
    cell?: string,
  ): Promise<{ readonly delivered: number }>;
  keys(
    ctx: CallContext,
    keys: readonly string[],
    message: PushMessage,
    userId?: string,
  ): Promise<{ readonly delivered: number }>;
  room(ctx: CallContext, room: string, message: PushMessage): Promise<{ readonly delivered: number }>;
  all(ctx: CallContext, message: PushMessage): Promise<{ readonly delivered: number }>;
  online(ctx: CallContext, room?: string): Promise<{ readonly online: number }>;
  ready(ctx: CallContext): Promise<void>;
}
