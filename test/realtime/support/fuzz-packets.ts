import { isFault, PacketStream } from "../../../src/realtime/biz/packet-stream.ts";
import { packet } from "../../../src/realtime/biz/packets.ts";
import { Dice } from "../../protocol/support/dice.ts";
import { anyPieces, anyStream, memoryOf } from "../../protocol/support/fuzz-stream.ts";
import { hex } from "../../protocol/support/outcomes.ts";

const PACKET_LENGTH_MAX = 4_112;
const HEADER_LENGTH = 16;

export interface Reference {
  /** The whole packets before whatever is wrong, as hex, with where each ends. */
  readonly packets: readonly { readonly bytes: string; readonly end: number }[];
  readonly fault: "malformed" | "tooLong" | null;
  /** How many bytes must have come for the fault to be seen. */
  readonly seenAt: number;
}

/** What a stream says, read as plainly as can be. */
export function reference(stream: Uint8Array): Reference {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const packets: { bytes: string; end: number }[] = [];
  const end = (fault: Reference["fault"], seenAt: number): Reference => ({ packets, fault, seenAt });
  for (let at = 0; at + 4 <= stream.length;) {
    const length = view.getInt32(at);
    if (length < HEADER_LENGTH) return end("malformed", at + 4);
    if (length > PACKET_LENGTH_MAX) return end("tooLong", at + 4);
    if (at + 6 <= stream.length && view.getInt16(at + 4) !== HEADER_LENGTH) return end("malformed", at + 6);
    if (at + length > stream.length) break;
    packets.push({ bytes: hex(stream.slice(at, at + length)), end: at + length });
    at += length;
  }
  return end(null, Infinity);
}

export interface FuzzedPackets {
  /** What was wrong, or null. */
  readonly failure: string | null;
  readonly seen: readonly string[];
}

/**
 * A random or mutated stream of packets, in random pieces, through a PacketStream: it gives the
 * packets of every piece before the one that shows a fault, and nothing else; it never throws, nor
 * reads or writes beside a piece, nor holds more than a packet that isn't whole.
 */
export function fuzzPackets(
  seed: number,
  build: () => PacketStream = () => new PacketStream(() => 0),
): FuzzedPackets {
  const dice = new Dice(seed);
  const { title, stream } = anyStream(dice, { frame: () => anyPacket(dice) });
  const pieces = anyPieces(dice, stream);
  const { packets, fault, seenAt } = reference(stream);
  const memory = memoryOf(pieces);
  const seen = [`a stream of ${title}`, fault ?? "no fault", ...(packets.length > 0 ? ["a packet"] : [])];
  const wrong = (what: string): FuzzedPackets => ({ failure: `seed ${seed}, ${title}: ${what}`, seen });
  try {
    const subject = build();
    const got: string[] = [];
    let end = 0;
    for (const piece of pieces) {
      end += piece.length;
      const result = subject.take(piece);
      if (subject.buffered >= PACKET_LENGTH_MAX) return wrong(`held ${subject.buffered} bytes`);
      if (isFault(result) !== end >= seenAt) return wrong(`was ${JSON.stringify(result)} after ${end} bytes`);
      if (!isFault(result))
        for (const { op, seq, body, ver } of result) got.push(hex(packet(op, seq, body, ver)));
      else if (result.reason !== fault) return wrong(`${result.reason} and not ${fault}`);
      else if (subject.buffered > 0) return wrong("held bytes of what it has refused");
    }
    if (memoryOf(pieces) !== memory) return wrong("wrote into a piece's memory");
    const expected = packets.filter((one) => one.end <= endBefore(pieces, seenAt)).map(({ bytes }) => bytes);
    return got.join() === expected.join() ? { failure: null, seen } : wrong(`gave ${got.join()}`);
  } catch (error) {
    return wrong(`threw ${String(error)}`);
  }
}

/** How many bytes came before the piece with this one. */
export function endBefore(pieces: readonly Uint8Array[], seenAt: number): number {
  let end = 0;
  for (const { length } of pieces) {
    if (end + length >= seenAt) return end;
    end += length;
  }
  return end;
}

function anyPacket(dice: Dice): Uint8Array {
  const length = dice.chance(0.02) ? dice.between(4_000, 4_096) : dice.between(0, 40);
  const op = dice.pick([2, 4, 7, 12, 14, 2_001, dice.between(-(2 ** 31), 2 ** 31 - 1)]);
  return packet(op, dice.between(-(2 ** 31), 2 ** 31 - 1), dice.bytes(length), dice.between(-2, 2));
}
