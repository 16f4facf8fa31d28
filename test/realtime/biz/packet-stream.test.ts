import { describe, expect, it } from "vitest";
import { GOIM_BODY_LENGTH_MAX, type GoimPacket } from "../../../src/protocol/goim-packet.ts";
import {
  ASSEMBLY_MS_MAX,
  isFault,
  PacketStream,
  PACKETS_PER_SECOND_MAX,
  type PacketFault,
} from "../../../src/realtime/biz/packet-stream.ts";
import { packet } from "../../../src/realtime/biz/packets.ts";
import { concat, everySplit, fromHex, latin1, piecesOf } from "../../protocol/support/pieces.ts";
import { FROM_CLIENTS } from "../support/golden-frames.ts";

const NOTHING = latin1("");
const HEARTBEAT = packet(2, 7, NOTHING);

function streamAt(nowMs = 0): { readonly stream: PacketStream; readonly clock: { nowMs: number } } {
  const clock = { nowMs };
  return { stream: new PacketStream(() => clock.nowMs), clock };
}

function taken(stream: PacketStream, pieces: readonly Uint8Array[]): readonly (GoimPacket | PacketFault)[] {
  return pieces.flatMap<GoimPacket | PacketFault>((piece) => {
    const result = stream.take(piece);
    return isFault(result) ? [result] : result;
  });
}

describe("the packets of a client", () => {
  it.each(FROM_CLIENTS)("are read from the bytes of $title, split anywhere", ({ hex, op, seq, body }) => {
    for (const pieces of everySplit(fromHex(hex)))
      expect(taken(streamAt().stream, pieces)).toEqual([{ ver: 1, op, seq, body: latin1(body) }]);
  });

  it("are all read from one message, and from one byte a message", () => {
    const all = concat(FROM_CLIENTS.map(({ hex }) => fromHex(hex)));
    const expected = FROM_CLIENTS.map(({ op, seq, body }) => ({ ver: 1, op, seq, body: latin1(body) }));
    expect(streamAt().stream.take(all)).toEqual(expected);
    expect(taken(streamAt().stream, piecesOf(all, 1))).toEqual(expected);
  });

  it("may have the longest body that a client may send", () => {
    const longest = packet(2_001, 1, new Uint8Array(GOIM_BODY_LENGTH_MAX));
    expect(taken(streamAt().stream, piecesOf(longest, 1_000))).toHaveLength(1);
  });
});

describe("a malformed packet", () => {
  it.each([
    ["0000000f", "malformed", "a frame of 15 bytes was announced, the shortest has 16"],
    ["ffffffff", "malformed", "a frame's length is negative"],
    ["00000010 0011", "malformed", "a frame has other bytes at 4 than every frame must have"],
    ["00001011", "tooLong", "a frame of 4113 bytes was announced, the longest has 4112"],
    ["7fffffff", "tooLong", "a frame of 2147483647 bytes was announced, the longest has 4112"],
  ])("that begins with %s is %s as soon as that is there, and nothing is held", (hex, reason, detail) => {
    const bytes = fromHex(hex);
    const { stream } = streamAt();
    expect(taken(stream, piecesOf(bytes.subarray(0, -1), 1))).toEqual([]);
    expect(stream.take(bytes.subarray(-1))).toEqual({ reason, detail });
    expect(stream.buffered).toBe(0);
    expect(stream.midFrameSinceMs).toBeNull();
  });

  it("spoils all that came in its message, and the stream after it", () => {
    const { stream } = streamAt();
    expect(stream.take(HEARTBEAT)).toHaveLength(1);
    const fault = stream.take(concat([HEARTBEAT, fromHex("00001011"), HEARTBEAT]));
    expect(fault).toMatchObject({ reason: "tooLong" });
    expect(stream.take(HEARTBEAT)).toBe(fault);
  });
});

describe("one second", () => {
  const most = concat(Array.from({ length: PACKETS_PER_SECOND_MAX }, () => HEARTBEAT));
  const fault = { reason: "flooding", detail: "more than 256 packets in a second" };

  it("holds so many packets and no more, in one piece or in several", () => {
    expect(streamAt().stream.take(concat([most, HEARTBEAT]))).toEqual(fault);
    const { stream, clock } = streamAt(1_000);
    expect(stream.take(most)).toHaveLength(PACKETS_PER_SECOND_MAX);
    clock.nowMs += 999;
    expect(stream.take(HEARTBEAT)).toEqual(fault);
  });

  it("holds as many again after another", () => {
    const { stream, clock } = streamAt(1_999);
    stream.take(most);
    clock.nowMs += 1;
    expect(stream.take(most)).toHaveLength(PACKETS_PER_SECOND_MAX);
  });
});

describe("a packet that comes in parts", () => {
  const [head, middle, tail] = [HEARTBEAT.subarray(0, 3), HEARTBEAT.subarray(3, 9), HEARTBEAT.subarray(9)];

  it("must be whole in eight seconds, however often a part of it comes", () => {
    const { stream, clock } = streamAt(1_000);
    stream.take(head);
    clock.nowMs += ASSEMBLY_MS_MAX - 1;
    expect(stream.take(middle)).toEqual([]);
    expect(stream.midFrameSinceMs).toBe(1_000);
    expect(stream.lateness()).toBeNull();
    clock.nowMs += 1;
    const late = { reason: "malformed", detail: "a packet was not whole after 8 s" };
    expect(stream.lateness()).toEqual(late);
    expect(stream.take(tail)).toEqual(late);
  });

  it("has its time from its own first byte on", () => {
    const { stream, clock } = streamAt();
    stream.take(head);
    clock.nowMs += ASSEMBLY_MS_MAX - 1;
    expect(stream.take(concat([middle, tail, head]))).toHaveLength(1);
    expect(stream.midFrameSinceMs).toBe(clock.nowMs);
    clock.nowMs += ASSEMBLY_MS_MAX - 1;
    expect(isFault(stream.take(concat([middle, tail])))).toBe(false);
    expect(stream.midFrameSinceMs).toBeNull();
  });

  it("has no end to wait for where none has begun", () => {
    const { stream, clock } = streamAt();
    stream.take(HEARTBEAT);
    clock.nowMs += 10 * ASSEMBLY_MS_MAX;
    expect(stream.take(HEARTBEAT)).toHaveLength(1);
  });
});
