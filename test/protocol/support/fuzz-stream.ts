import type { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { Dice } from "./dice.ts";
import { anyCase, type FuzzCase } from "./fuzz-cases.ts";
import { hex, outcomesOf } from "./outcomes.ts";
import { concat } from "./pieces.ts";

export interface FuzzResult {
  readonly seed: number;
  /** What was wrong, or null. */
  readonly failure: string | null;
  /** What happened, for the tally: the kind of decoder, of stream, and of each outcome. */
  readonly seen: readonly string[];
}

const FRAMES_MAX = 6;
const RANDOM_BYTES_MAX = 120;
const MUTATIONS_MAX = 4;
/**
 * Bytes around each chunk in its memory: a decoder that reads past its chunk takes them for bytes
 * of the stream.
 */
const SURROUNDINGS = 5;

/**
 * One random decoder on one random stream in random pieces, held against the plainest decoder on
 * the whole stream. Nothing but a FrameError may be thrown, no byte outside of a chunk be read or
 * written, and never more be held than one frame. `sabotage` is for the test that this can fail.
 */
export function fuzzStream(
  seed: number,
  sabotage: (decoder: FrameDecoder) => FrameDecoder = (decoder) => decoder,
): FuzzResult {
  const dice = new Dice(seed);
  const fuzzCase = anyCase(dice);
  const { title, stream } = anyStream(dice, fuzzCase);
  const chunks = anyPieces(dice, stream);
  const memory = memoryOf(chunks);
  const decoder = sabotage(fuzzCase.build());
  let heldMost = 0;
  const expected = fuzzCase.reference(stream);
  const seen = [
    `a ${fuzzCase.kind} decoder`,
    `a stream of ${title}`,
    ...new Set(expected.map((outcome) => (outcome.startsWith("<") ? "a frame" : outcome))),
  ];
  let failure: string | null = null;
  try {
    const outcomes = outcomesOf(decoder, chunks, () => (heldMost = Math.max(heldMost, decoder.buffered)));
    if (outcomes.join() !== expected.join()) failure = `gave ${outcomes.join()} and not ${expected.join()}`;
    else if (heldMost > fuzzCase.heldMax) failure = `held ${heldMost} bytes, more than ${fuzzCase.heldMax}`;
    else if (memoryOf(chunks) !== memory) failure = "wrote into a chunk's memory";
  } catch (error) {
    failure = `threw ${String(error)}`;
  }
  return {
    seed,
    failure:
      failure &&
      `${fuzzCase.kind}, ${title}, in pieces of ${chunks.map(({ length }) => length).join()}: ${failure}`,
    seen,
  };
}

export function memoryOf([first]: readonly Uint8Array[]): string {
  return first === undefined ? "" : hex(new Uint8Array(first.buffer));
}

export function anyStream(
  dice: Dice,
  { frame }: Pick<FuzzCase, "frame">,
): { readonly title: string; readonly stream: Uint8Array } {
  if (dice.chance(0.25))
    return { title: "random bytes", stream: dice.bytes(dice.between(0, RANDOM_BYTES_MAX)) };
  if (dice.chance(0.1))
    return {
      title: "small numbers",
      stream: dice.bytes(dice.between(0, RANDOM_BYTES_MAX)).map((byte) => byte % 24),
    };
  const frames = concat(Array.from({ length: dice.between(0, FRAMES_MAX) }, frame));
  return dice.chance(0.3)
    ? { title: "frames", stream: frames }
    : { title: "mutated frames", stream: mutated(dice, frames) };
}

/** With bytes changed, cut out, doubled or added. */
function mutated(dice: Dice, frames: Uint8Array): Uint8Array {
  let stream = frames;
  for (let count = dice.between(1, MUTATIONS_MAX); count > 0; count -= 1) {
    const at = dice.between(0, stream.length);
    const until = Math.min(stream.length, at + dice.between(0, 8));
    const [head, middle, tail] = [stream.subarray(0, at), stream.subarray(at, until), stream.subarray(until)];
    const inserted = dice.pick([
      dice.bytes(middle.length),
      new Uint8Array(0),
      concat([middle, middle]),
      dice.bytes(dice.between(1, 8)),
      middle.map(() => 0xff),
    ]);
    stream = concat([head, inserted, tail]);
  }
  return stream;
}

/** The stream in chunks, all of them views into one memory, with something between them. */
export function anyPieces(dice: Dice, stream: Uint8Array): readonly Uint8Array[] {
  const pieceMax = dice.pick([1, 3, 9, 40, 1_000]);
  const lengths: number[] = dice.chance(0.1) ? [0] : [];
  for (let left = stream.length; left > 0;) {
    const length = Math.min(left, dice.between(dice.chance(0.05) ? 0 : 1, pieceMax));
    lengths.push(length);
    left -= length;
  }
  const memory = new Uint8Array(stream.length + (lengths.length + 1) * SURROUNDINGS).fill(
    dice.pick([0x00, 0x0a, 0x10, 0xff]),
  );
  let from = 0;
  return lengths.map((length, index) => {
    const at = from + (index + 1) * SURROUNDINGS;
    memory.set(stream.subarray(from, from + length), at);
    from += length;
    return memory.subarray(at, at + length);
  });
}
