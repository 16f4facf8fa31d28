import { GOIM_OPS, type GoimPacket } from "../../../src/protocol/goim-packet.ts";
import { fromHex, latin1 } from "./pieces.ts";

export interface GoldenPacket {
  readonly title: string;
  readonly hex: string;
  readonly packet: GoimPacket;
}

/** The bytes of every op, written by hand: packLen, headerLen, ver, op, seq, body. */
export const GOLDEN: readonly GoldenPacket[] = [
  golden("heartbeat", "00000010 0010 0001 00000002 00000007", 7, GOIM_OPS.heartbeat),
  golden(
    "heartbeat reply, 42 online",
    "00000014 0010 0001 00000003 00000007 0000002a",
    7,
    GOIM_OPS.heartbeatReply,
    fromHex("0000002a"),
  ),
  golden("message", "00000013 0010 0001 00000004 00000008 686579", 8, GOIM_OPS.sendMsg, "hey"),
  golden(
    "auth",
    `0000001e 0010 0001 00000007 00000001 7b226d6964223a3132337d 202020`,
    1,
    GOIM_OPS.auth,
    '{"mid":123}   ',
  ),
  golden("auth reply", "00000010 0010 0001 00000008 00000001", 1, GOIM_OPS.authReply),
  golden(
    "pushes in an envelope",
    "00000033 0010 0001 00000009 00000000 00000012 0010 0001 000003e8 00000000 6869 00000011 0010 0001 000003e9 00000000 21",
    0,
    GOIM_OPS.raw,
    fromHex("00000012 0010 0001 000003e8 00000000 6869 00000011 0010 0001 000003e9 00000000 21"),
  ),
  golden(
    "change of room",
    "0000001a 0010 0001 0000000c 00000009 6c6976653a2f2f313032",
    9,
    GOIM_OPS.changeRoom,
    "live://102",
  ),
  golden(
    "its reply",
    "0000001a 0010 0001 0000000d 00000009 6c6976653a2f2f313032",
    9,
    GOIM_OPS.changeRoomReply,
    "live://102",
  ),
  golden(
    "subscription",
    "00000019 0010 0001 0000000e 0000000a 313030302c31303031",
    10,
    GOIM_OPS.subscribe,
    "1000,1001",
  ),
  golden(
    "its reply",
    "00000019 0010 0001 0000000f 0000000a 313030302c31303031",
    10,
    GOIM_OPS.subscribeReply,
    "1000,1001",
  ),
  golden(
    "end of a subscription",
    "00000014 0010 0001 00000010 0000000b 31303030",
    11,
    GOIM_OPS.unsubscribe,
    "1000",
  ),
  golden("its reply", "00000014 0010 0001 00000011 0000000b 31303030", 11, GOIM_OPS.unsubscribeReply, "1000"),
  golden(
    "business, with the extreme numbers",
    "00000011 0010 ffff 7fffffff 80000000 00",
    -(2 ** 31),
    2 ** 31 - 1,
    "\0",
    -1,
  ),
];

function golden(
  title: string,
  hex: string,
  seq: number,
  op: number,
  body: string | Uint8Array = "",
  ver = 1,
): GoldenPacket {
  return { title, hex, packet: { ver, op, seq, body: typeof body === "string" ? latin1(body) : body } };
}
