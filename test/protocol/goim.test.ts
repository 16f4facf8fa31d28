import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameError } from "../../src/protocol/frame-error.ts";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { GOIM_BODY_LENGTH_MAX, GOIM_OPS, type GoimPacket } from "../../src/protocol/goim-packet.ts";
import { GOLDEN } from "./support/golden-goim.ts";
import { concat, everySplit, fromHex, piecesOf } from "./support/pieces.ts";

const encoder = new GoimEncoder();

function decoded(chunks: readonly Uint8Array[], decoder = new GoimDecoder()): readonly GoimPacket[] {
  const packets: GoimPacket[] = [];
  for (const chunk of chunks) {
    decoder.write(chunk);
    for (let packet = decoder.next(); packet !== null; packet = decoder.next()) packets.push(packet);
  }
  decoder.end();
  return packets;
}

describe("a goim packet", () => {
  it.each(GOLDEN)("of $title is these bytes, both ways and split anywhere", ({ hex, packet }) => {
    expect(encoder.encode(packet)).toEqual(fromHex(hex));
    for (const chunks of everySplit(fromHex(hex))) expect(decoded(chunks)).toEqual([packet]);
  });

  it("has a golden one of every op", () => {
    const ops = new Set(GOLDEN.map(({ packet }) => packet.op));
    expect(Object.values(GOIM_OPS).filter((op) => !ops.has(op))).toEqual([]);
  });

  it("is found where all of them stick together, cut into pieces of any size", () => {
    const stream = concat(GOLDEN.map(({ hex }) => fromHex(hex)));
    const packets = GOLDEN.map(({ packet }) => packet);
    for (let size = 1; size <= stream.length; size += 1)
      expect(decoded(piecesOf(stream, size))).toEqual(packets);
    for (const chunks of everySplit(stream)) expect(decoded(chunks)).toEqual(packets);
  });

  it("of op 9 holds whole packets, read by the same decoder", () => {
    const envelope = GOLDEN.find(({ packet }) => packet.op === GOIM_OPS.raw);
    const inner = decoded([envelope?.packet.body ?? new Uint8Array(0)]);
    expect(inner.map(({ op, body }) => [op, new TextDecoder().decode(body)])).toEqual([
      [1000, "hi"],
      [1001, "!"],
    ]);
  });

  it("comes back from its bytes, whatever is in it", () => {
    const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const packet = fc.record({
      ver: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
      op: int32,
      seq: int32,
      body: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 6 }), fc.integer({ min: 1, max: 70 }), (packets, size) => {
        const stream = concat(packets.map((one) => encoder.encode(one)));
        expect(decoded(piecesOf(stream, size))).toEqual(packets);
      }),
    );
  });

  it("has a body of 4096 bytes at most from a client, and what its reader allows from a server", () => {
    const packet = { ver: 1, op: GOIM_OPS.raw, seq: 0, body: new Uint8Array(GOIM_BODY_LENGTH_MAX + 1) };
    const bytes = new GoimEncoder({ maxBodyLength: 8_192 }).encode(packet);
    expect(decoded([bytes], new GoimDecoder({ maxBodyLength: 8_192 }))).toEqual([packet]);
    expect(() => decoded([bytes])).toThrow("a frame of 4113 bytes was announced, the longest has 4112");
    expect(() => encoder.encode(packet)).toThrow(RangeError);
    const longest = { ...packet, body: packet.body.subarray(1) };
    expect(decoded(piecesOf(encoder.encode(longest), 1))).toEqual([longest]);
  });

  it.each([
    ["ver", { ver: 2 ** 15 }],
    ["op", { op: 2 ** 31 }],
    ["seq", { seq: -(2 ** 31) - 1 }],
    ["seq", { seq: 0.5 }],
  ])("is not written with a %s that has no room in it: %o", (name, wrong) => {
    expect(() => encoder.encode({ ver: 1, op: 2, seq: 0, body: new Uint8Array(0), ...wrong })).toThrow(
      `${name} must be an integer in`,
    );
  });
});

describe("a malformed goim packet", () => {
  it.each([
    ["packLen below 16", "0000000f", "corrupt"],
    ["packLen 0", "00000000", "corrupt"],
    ["a negative packLen", "ffffffff", "corrupt"],
    ["a headerLen above 16", "00000020 0011", "corrupt"],
    ["a headerLen of 0", "00000020 0000", "corrupt"],
    ["packLen above 4112", "00001011", "too_long"],
    ["the largest packLen", "7fffffff", "too_long"],
  ])("with %s is refused at the byte that shows it", (_, header, fault) => {
    const bytes = fromHex(header);
    for (const chunks of [
      ...everySplit(bytes),
      piecesOf(bytes, 1),
      [concat([bytes, new Uint8Array(9_000)])],
    ]) {
      const decoder = new GoimDecoder();
      const sent = chunks.filter(({ length }) => length > 0);
      expect(sent.map((chunk) => faultOf(decoder, chunk))).toEqual([...sent.slice(1).map(() => null), fault]);
      expect(decoder.buffered).toBe(0);
    }
  });

  it("spoils none of the packets before it", () => {
    const decoder = new GoimDecoder();
    decoder.write(concat([fromHex(GOLDEN[0]?.hex ?? ""), fromHex("00000001")]));
    expect(decoder.next()).toEqual(GOLDEN[0]?.packet);
    expect(() => decoder.next()).toThrow("a frame of 1 bytes was announced, the shortest has 16");
  });

  it("is one that the stream's end cuts", () => {
    for (const [head = new Uint8Array(0), tail = head] of everySplit(fromHex(GOLDEN[2]?.hex ?? ""))) {
      if (head.length === 0 || tail.length === 0) continue;
      expect(() => decoded([head])).toThrow("the stream has ended within a frame");
    }
  });
});

function faultOf(decoder: GoimDecoder, chunk: Uint8Array): string | null {
  decoder.write(chunk);
  try {
    while (decoder.next() !== null);
  } catch (error) {
    if (error instanceof FrameError) return error.fault;
    throw error;
  }
  return null;
}
