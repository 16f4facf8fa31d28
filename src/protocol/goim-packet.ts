/**
 * A packet of goim (github.com/Terry-Mao/goim, api/protocol), the same over TCP and over
 * WebSockets. Big endian and signed: packLen i32 at 0 (header and body), headerLen i16 at 4 (always
 * 16), ver i16 at 6, op i32 at 8, seq i32 at 12, body at 16.
 */
export interface GoimPacket {
  readonly ver: number;
  /** One of GOIM_OPS, or from 1000 on whatever business agrees on. */
  readonly op: number;
  /** Given by the client and echoed in the reply to it; 0 in goim's pushes. */
  readonly seq: number;
  readonly body: Uint8Array;
}

export const GOIM_HEADER_LENGTH = 16;
/** Most bytes of a packet's body from a client. */
export const GOIM_BODY_LENGTH_MAX = 4096;

/** What goim itself understands; its names, in our letters. */
export const GOIM_OPS = {
  heartbeat: 2,
  /** Body: the online count, an i32. */
  heartbeatReply: 3,
  /** A message from the client, acked with the same op and an empty body. */
  sendMsg: 4,
  auth: 7,
  authReply: 8,
  /** An envelope of pushes: the body is whole packets back to back. */
  raw: 9,
  changeRoom: 12,
  changeRoomReply: 13,
  subscribe: 14,
  subscribeReply: 15,
  unsubscribe: 16,
  unsubscribeReply: 17,
} as const;
