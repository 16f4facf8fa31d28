import * as z from "zod";
import type { CallContext } from "./call-context.ts";
import type { Change, ChangePage, DatedReport, ReportReceipt } from "./history.ts";
import { opSchema, type RoomPlace } from "./realtime.ts";
import { PUSH_BODY_BYTES_MAX } from "./realtime-ops.ts";
import { OBJECT_NAME } from "./shard-name.ts";

/*
 * What workers, and objects, ask of each other for the sake of sockets. What goes over these is in
 * realtime.ts.
 */

/** A comet's: of a shard, or of guests. */
export const cometNameSchema = z.string().regex(OBJECT_NAME);

/**
 * The revision in a cursor of `changes`, by which the later of two of a user is told. For our own
 * workers; to clients a cursor says nothing.
 */
export function revOf(cursor: string): number {
  return Number.parseInt(cursor.split(".", 1)[0] ?? "", 36);
}

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
