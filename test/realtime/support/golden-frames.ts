import { GOIM_OPS } from "../../../src/protocol/goim-packet.ts";
import { envelope, heartbeatReply, jsonPacket, packet } from "../../../src/realtime/biz/packets.ts";
import { latin1 } from "../../protocol/support/pieces.ts";

const HEARTBEAT = { ver: 1, op: GOIM_OPS.heartbeat, seq: 7, body: latin1("") };

/**
 * Frames as they are on the wire, written by hand from the table of the specification: packLen,
 * headerLen, ver, op, seq, body.
 */
export const FROM_CLIENTS = [
  {
    title: "goim's auth",
    hex: "0000005a 0010 0001 00000007 00000001 7b226d6964223a372c226b6579223a226b222c22726f6f6d5f6964223a226c6976653a2f2f31222c22706c6174666f726d223a22776562222c2261636365707473223a5b313030305d7d",
    op: 7,
    seq: 1,
    body: '{"mid":7,"key":"k","room_id":"live://1","platform":"web","accepts":[1000]}',
  },
  {
    title: "our client's auth, which has been here before",
    hex: "0000002a 0010 0001 00000007 00000001 7b226b6579223a226b222c2273696e6365223a2231662e32227d",
    op: 7,
    seq: 1,
    body: '{"key":"k","since":"1f.2"}',
  },
  { title: "heartbeat", hex: "00000010 0010 0001 00000002 00000007", op: 2, seq: 7, body: "" },
  {
    title: "change of room",
    hex: "00000018 0010 0001 0000000c 00000009 6c6976653a2f2f31",
    op: 12,
    seq: 9,
    body: "live://1",
  },
  {
    title: "reports",
    hex: "0000001e 0010 0001 000007d1 00000009 7b227265706f727473223a5b5d7d",
    op: 2001,
    seq: 9,
    body: '{"reports":[]}',
  },
  {
    title: "command to another device",
    hex: "0000002d 0010 0001 000007d5 00000004 7b22746f223a227476222c22636f6d6d616e64223a227061757365227d",
    op: 2005,
    seq: 4,
    body: '{"to":"tv","command":"pause"}',
  },
] as const;

export const TO_CLIENTS = [
  {
    title: "auth reply",
    hex: "00000010 0010 0001 00000008 00000001",
    made: packet(GOIM_OPS.authReply, 1, latin1("")),
  },
  {
    title: "heartbeat reply, 42 online",
    hex: "00000014 0010 0001 00000003 00000007 0000002a",
    made: heartbeatReply(HEARTBEAT, 42),
  },
  {
    title: "heartbeat reply to another version",
    hex: "00000014 0010 0002 00000003 00000007 00000000",
    made: heartbeatReply({ ...HEARTBEAT, ver: 2 }, 0),
  },
  {
    title: "two pushes in an envelope",
    hex: "00000033 0010 0001 00000009 00000000 00000012 0010 0001 000003e8 00000000 6869 00000011 0010 0001 000003e9 00000000 21",
    made: envelope([packet(1000, 0, latin1("hi")), packet(1001, 0, latin1("!"))]),
  },
  {
    title: "a room's third message to our client",
    hex: "00000022 0010 0001 00000009 00000000 00000012 0010 0001 000003e8 00000003 6869",
    made: envelope([packet(1000, 3, latin1("hi"))]),
  },
  {
    title: "ack of reports with nothing to tell",
    hex: "00000010 0010 0001 000007d1 00000009",
    made: packet(2001, 9, latin1("")),
  },
  {
    title: "changes",
    hex: "0000002e 0010 0001 000007d2 00000000 7b226368616e676573223a5b5d2c22637572736f72223a2231662e32227d",
    made: jsonPacket(2002, 0, { changes: [], cursor: "1f.2" }),
  },
  {
    title: "connected devices",
    hex: "00000033 0010 0001 000007d4 00000000 7b2264657669636573223a5b7b226964223a227476222c2273696e6365223a357d5d7d",
    made: jsonPacket(2004, 0, { devices: [{ id: "tv", since: 5 }] }),
  },
  {
    title: "resync, of which more follows",
    hex: "00000038 0010 0001 000007d6 00000000 7b226368616e676573223a5b5d2c22637572736f72223a223167222c226d6f7265223a747275657d",
    made: jsonPacket(2006, 0, { changes: [], cursor: "1g", more: true }),
  },
  {
    title: "place in a room",
    hex: "0000003a 0010 0001 000007d7 00000000 7b22726f6f6d223a226c6976653a2f2f31222c2265706f6368223a2265222c226f6666736574223a337d",
    made: jsonPacket(2007, 0, { room: "live://1", epoch: "e", offset: 3 }),
  },
] as const;
