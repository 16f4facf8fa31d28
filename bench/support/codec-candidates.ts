import { DelimiterDecoder } from "../../src/protocol/delimiter-decoder.ts";
import { FixedLengthDecoder } from "../../src/protocol/fixed-length-decoder.ts";
import type { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { FrameDecoderStream } from "../../src/protocol/frame-decoder-stream.ts";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { LengthFieldDecoder } from "../../src/protocol/length-field-decoder.ts";
import type { Pass } from "./codec-passes.ts";
import { chunksOf, type CodecStream } from "./codec-streams.ts";
import { NaiveDecoder } from "./naive-decoder.ts";

/**
 * All of ours, the limit and the naive one, over the same stream in chunks of this length. Ours
 * come first.
 */
export function codecCandidates(stream: CodecStream, chunkLength: number): readonly Pass[] {
  const { frameLength } = stream;
  const chunks = chunksOf(stream.bytes, chunkLength);
  const goim = new GoimDecoder({ maxBodyLength: frameLength });
  const fixed = new FixedLengthDecoder({ frameLength });
  const lines = new DelimiterDecoder({ delimiters: [Uint8Array.of(0x0a)], maxFrameLength: frameLength });
  return [
    lengthField(frameLength, chunks),
    { name: "goim", run: () => countFrames(goim, chunks) },
    { name: "fixed length", run: () => countFrames(fixed, chunks) },
    { name: "delimiter", run: () => countFrames(lines, chunks) },
    { name: "length field, as a stream", run: () => countPiped(frameLength, chunks) },
    { name: "a DataView loop over the whole, lengths only", run: () => loop(stream, false) },
    { name: "the same, a view made of each frame", run: () => loop(stream, true) },
    naive(chunks),
  ];
}

export function lengthField(maxFrameLength: number, chunks: readonly Uint8Array[]): Pass {
  const decoder = lengthFieldDecoder(maxFrameLength);
  return { name: "length field", run: () => countFrames(decoder, chunks) };
}

export function naive(chunks: readonly Uint8Array[]): Pass {
  const decoder = new NaiveDecoder();
  return {
    name: "naive: concat and slice",
    run: () => chunks.reduce((frames, chunk) => frames + decoder.push(chunk).length, 0),
  };
}

function lengthFieldDecoder(maxFrameLength: number): LengthFieldDecoder {
  return new LengthFieldDecoder({ maxFrameLength, lengthFieldLength: 4, lengthAdjustment: -4 });
}

function countFrames(decoder: FrameDecoder<unknown>, chunks: readonly Uint8Array[]): number {
  let frames = 0;
  for (const chunk of chunks) {
    decoder.write(chunk);
    while (decoder.next() !== null) frames += 1;
  }
  return frames;
}

async function countPiped(maxFrameLength: number, chunks: readonly Uint8Array[]): Promise<number> {
  const rest = chunks.values();
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = rest.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
  const reader = source.pipeThrough(new FrameDecoderStream(lengthFieldDecoder(maxFrameLength))).getReader();
  let frames = 0;
  while (!(await reader.read()).done) frames += 1;
  return frames;
}

/** The limit: nothing is split and nothing is checked. */
function loop({ bytes }: CodecStream, withViews: boolean): number {
  const view = new DataView(bytes.buffer);
  let frames = 0;
  for (let at = 0; at < bytes.length; frames += 1) {
    const length = view.getInt32(at);
    at += withViews ? bytes.subarray(at, at + length).length : length;
  }
  return frames;
}
