/*
 * What goes over the socket, as this client knows it. Nothing here comes from the server's sources:
 * a client is what others import. test/clients/wire.test.ts holds it against the contracts.
 */

export const OPS = {
  auth: 7,
  authReply: 8,
  /** An envelope: its body is whole packets back to back. */
  raw: 9,
  changeRoom: 12,
  changeRoomReply: 13,
  subscribe: 14,
  subscribeReply: 15,
  unsubscribe: 16,
  unsubscribeReply: 17,
  report: 2001,
  changed: 2002,
  transferSettled: 2003,
  devices: 2004,
  command: 2005,
  resync: 2006,
  roomPlace: 2007,
} as const;

/** The heartbeat of a connection, as texts: it wakes no object and costs nothing. */
export const PING = "ping";
export const PONG = "pong";
/** Ops from here on are of business: pushes carry them. */
export const PUSH_OP_MIN = 1_000;
/** Most bytes of the body of a packet that is sent. */
export const BODY_BYTES_MAX = 4_096;
export const REPORTS_PER_PACKET_MAX = 100;
/** The place before all: whoever names it is given everything. */
export const BEGINNING = "0";

export interface ItemKey {
  readonly kind: string;
  readonly itemId: string;
}

export type PlaybackEvent = "playing" | "paused" | "ended";

/** One heartbeat of a player; `at` is this device's clock, in ms. */
export interface Report extends ItemKey {
  readonly positionMs: number;
  readonly durationMs?: number;
  readonly event?: PlaybackEvent;
  readonly deviceId?: string;
  readonly at: number;
}

export interface Entry extends ItemKey {
  readonly positionMs: number;
  readonly durationMs?: number;
  readonly event: PlaybackEvent;
  readonly deviceId?: string;
  readonly watchedAt: number;
  readonly watched: boolean;
  readonly dismissed?: true;
}

export type Change =
  | { readonly entry: Entry }
  | { readonly removed: ItemKey & { readonly at: number } }
  | { readonly cleared: { readonly before: number } }
  | { readonly trimmed: { readonly before: number } }
  | { readonly settings: { readonly paused: boolean } };

/** Body of ops 2002 and 2006; also what `GET /v1/history/changes` answers. */
export interface ChangedBody {
  readonly changes: readonly Change[];
  readonly cursor: string;
  readonly more?: boolean;
}

/** Body of an ack of op 2001 that has something to tell. */
export interface ReceiptBody {
  readonly accepted: number;
  readonly ignored: number;
  readonly rejected?: readonly { readonly index: number; readonly path: string; readonly message: string }[];
  readonly superseded?: readonly Entry[];
  readonly nextReportMs?: number;
}

/** Body of one of which no report was taken. */
export interface ProblemBody {
  readonly code: string;
  readonly status: number;
  readonly retryAfterMs?: number;
}

export interface RoomPlace {
  readonly epoch: string;
  readonly offset: number;
}

/** Body of op 2007. */
export interface RoomPlaceBody extends RoomPlace {
  readonly room: string;
  readonly missed?: true;
}

export interface Device {
  readonly id: string;
  readonly name?: string;
  readonly since: number;
}

/** Body of op 2003. */
export interface TransferSettled {
  readonly transferId: string;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly settledAt: number;
}

/** Body of op 2005, as it is sent. */
export interface DeviceCommand {
  readonly to: string;
  readonly command: "play" | "pause" | "seek";
  readonly item?: ItemKey;
  readonly positionMs?: number;
  readonly event?: PlaybackEvent;
}
