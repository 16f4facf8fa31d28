import * as z from "zod";
import {
  DEVICE_ID,
  itemKeySchema,
  placeSchema,
  PLAYBACK_EVENTS,
  POSITION_MS_MAX,
  type Change,
} from "./history.ts";

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
/** Where the messages of a room are. */
export interface RoomPlace {
  readonly epoch: string;
  /** Of the last message; 0: none yet. */
  readonly offset: number;
}
/** The same where a client says it: how far it has got. */
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
export interface RoomPlaceBody extends RoomPlace {
  readonly room: string;
  readonly missed?: true;
}
