import { describe, expect, it } from "vitest";
import type { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { fuzzStream } from "./support/fuzz-stream.ts";
import { fuzzStreams } from "./support/fuzz-streams.ts";

const STREAMS = 50_000;

describe("random and mutated streams", () => {
  it(
    `make no decoder fail, over-read, or hold more than a frame (${STREAMS} of them)`,
    { timeout: 60_000 },
    () => {
      const { failures, never } = fuzzStreams(1, STREAMS);
      expect(failures).toEqual([]);
      expect(never).toEqual([]);
    },
  );

  it("are the same for the same seed", () => {
    expect(fuzzStream(42)).toEqual(fuzzStream(42));
  });

  it.each<[string, (decoder: FrameDecoder) => FrameDecoder, string]>([
    ["reads past its chunk", (decoder) => changed(decoder, (chunk) => new Uint8Array(chunk.buffer)), "gave "],
    [
      "loses the last byte of a chunk",
      (decoder) => changed(decoder, (chunk) => chunk.subarray(0, -1)),
      "gave ",
    ],
    ["writes beside its chunk", (decoder) => changed(decoder, written), "wrote into a chunk's memory"],
    ["throws another error", (decoder) => changed(decoder, refuseLong), "threw Error: too much"],
    [
      "holds too much",
      (decoder) => Object.defineProperty(decoder, "buffered", { value: 1_000 }),
      "held 1000 bytes",
    ],
  ])("find a decoder that %s", (_, sabotage, found) => {
    const failures = Array.from({ length: 200 }, (_, seed) => fuzzStream(seed, sabotage).failure ?? "");
    expect(failures.filter((failure) => failure.includes(found)).length).toBeGreaterThan(10);
  });
});

/** The decoder, but given another chunk than was meant for it. */
function changed(decoder: FrameDecoder, change: (chunk: Uint8Array) => Uint8Array): FrameDecoder {
  const write = decoder.write.bind(decoder);
  decoder.write = (chunk) => write(change(chunk));
  return decoder;
}

function written(chunk: Uint8Array): Uint8Array {
  new Uint8Array(chunk.buffer, chunk.byteOffset - 1, 1).fill(1);
  return chunk;
}

function refuseLong(chunk: Uint8Array): Uint8Array {
  if (chunk.length > 4) throw new Error("too much");
  return chunk;
}
