import { describe, expect, it } from "vitest";
import { DelimiterDecoder } from "../../src/protocol/delimiter-decoder.ts";
import { DelimiterEncoder } from "../../src/protocol/delimiter-encoder.ts";
import type { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { FrameDecoderStream } from "../../src/protocol/frame-decoder-stream.ts";
import { FrameEncoderStream } from "../../src/protocol/frame-encoder-stream.ts";
import { FixedLengthDecoder } from "../../src/protocol/fixed-length-decoder.ts";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { LengthFieldDecoder } from "../../src/protocol/length-field-decoder.ts";
import { GOLDEN } from "./support/golden-goim.ts";
import { fromHex, latin1, piecesOf } from "./support/pieces.ts";

const LINES = { delimiters: [latin1("\n")], maxFrameLength: 10 };

function streamOf<Value>(values: readonly Value[]): ReadableStream<Value> {
  const rest = values.values();
  return new ReadableStream<Value>({
    pull(controller) {
      const { done, value } = rest.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}

/** What could be read before the stream ended, and the error it ended with. */
async function collect<Frame>(stream: ReadableStream<Frame>): Promise<{ readonly frames: readonly Frame[]; readonly error: unknown }> {
  const frames: Frame[] = [];
  try {
    for await (const frame of stream) frames.push(frame);
  } catch (error) {
    return { frames, error };
  }
  return { frames, error: null };
}

function decode<Frame>(bytes: Uint8Array, decoder: FrameDecoder<Frame>, size = 1) {
  return collect(streamOf(piecesOf(bytes, size)).pipeThrough(new FrameDecoderStream(decoder)));
}

describe("decoders as streams", () => {
  it("give all frames of bytes that come one by one", async () => {
    const packets = GOLDEN.map(({ packet }) => packet);
    const bytes = streamOf(packets).pipeThrough(new FrameEncoderStream(new GoimEncoder()));
    const read = await collect(bytes.pipeThrough(new FrameDecoderStream(new GoimDecoder())));
    expect(read).toEqual({ frames: packets, error: null });
    const whole = fromHex(GOLDEN.map(({ hex }) => hex).join(""));
    expect(await decode(whole, new GoimDecoder())).toEqual({ frames: packets, error: null });
    expect(await decode(whole, new GoimDecoder(), whole.length)).toEqual({ frames: packets, error: null });
  });

  it.each([
    ["fixed length", new FixedLengthDecoder({ frameLength: 2 }), "aab", latin1("aa")],
    ["delimiter", new DelimiterDecoder(LINES), "aa\nb", latin1("aa")],
    [
      "length field",
      new LengthFieldDecoder({ lengthFieldLength: 1, maxFrameLength: 9, initialBytesToStrip: 1 }),
      "\u0002aa\u0001",
      latin1("aa"),
    ],
  ])("fail at an end within a frame (%s)", async (_, decoder, text, frame) => {
    expect(await decode(latin1(text), decoder)).toEqual({ frames: [frame], error: expect.objectContaining({ fault: "truncated" }) });
  });

  it("fail at a malformed frame, after those before it, and stop their source", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(latin1((pulled += 1) === 1 ? "ok\n" : "aaaa")),
    });
    const { frames, error } = await collect(endless.pipeThrough(new FrameDecoderStream(new DelimiterDecoder(LINES))));
    expect(frames).toEqual([latin1("ok")]);
    expect(error).toMatchObject({ name: "FrameError", fault: "too_long" });
    expect(pulled).toBeLessThan(10);
  });

  it("read no further than somebody reads from them", async () => {
    let pulled = 0;
    const source = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(latin1(`${(pulled += 1)}\n`)) },
      { highWaterMark: 0 },
    );
    const reader = source.pipeThrough(new FrameDecoderStream(new DelimiterDecoder(LINES))).getReader();
    for (let line = 1; line <= 5; line += 1) expect((await reader.read()).value).toEqual(latin1(String(line)));
    expect(pulled).toBeLessThan(8);
    await reader.cancel();
  });
});

describe("encoders as streams", () => {
  it("fail at a frame that can't be encoded", async () => {
    const { frames, error } = await collect(
      streamOf(["a", "b\nc"].map(latin1)).pipeThrough(new FrameEncoderStream(new DelimiterEncoder(LINES))),
    );
    expect(frames).toEqual([latin1("a\n")]);
    expect(error).toBeInstanceOf(RangeError);
  });
});
