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

const FIELD = { lengthFieldLength: 1, maxFrameLength: 9, initialBytesToStrip: 1 };
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
async function collect<Frame>(
  stream: ReadableStream<Frame>,
): Promise<{ readonly frames: readonly Frame[]; readonly error: unknown }> {
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
    expect(await decode(latin1(text), decoder)).toEqual({
      frames: [frame],
      error: expect.objectContaining({ fault: "truncated" }),
    });
  });

  it("fail at a malformed frame, after those before it, and stop their source", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(latin1((pulled += 1) === 1 ? "ok\n" : "aaaa")),
    });
    const { frames, error } = await collect(
      endless.pipeThrough(new FrameDecoderStream(new DelimiterDecoder(LINES))),
    );
    expect(frames).toEqual([latin1("ok")]);
    expect(error).toMatchObject({ name: "FrameError", fault: "too_long" });
    expect(pulled).toBeLessThan(10);
  });

  it.each([
    ["fixed length", () => new FixedLengthDecoder({ frameLength: 2 }), "aabbcc.", "truncated"],
    ["delimiter", () => new DelimiterDecoder(LINES), "aa\nbb\ncc\n.", "truncated"],
    ["delimiter", () => new DelimiterDecoder(LINES), `aa\nbb\ncc\n${"x".repeat(20)}\n`, "too_long"],
    [
      "length field",
      () => new LengthFieldDecoder({ ...FIELD, minFrameLength: 2 }),
      "\u0002aa\u0002bb\u0002cc\u0000",
      "corrupt",
    ],
    ["length field", () => new LengthFieldDecoder(FIELD), "\u0002aa\u0002bb\u0002cc\u00ffx", "too_long"],
  ])(
    "give the frames of a chunk before its fault, however slowly they are read (%s, case %#)",
    async (_, build, text, fault) => {
      for (const pause of [0, 1, 5]) {
        const frames: Uint8Array[] = [];
        const read = async (): Promise<void> => {
          for await (const frame of streamOf([latin1(text)]).pipeThrough(
            new FrameDecoderStream<Uint8Array>(build()),
          )) {
            frames.push(frame);
            for (let turn = 0; turn < pause; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          }
        };
        await expect(read()).rejects.toMatchObject({ fault });
        expect(frames).toEqual(["aa", "bb", "cc"].map(latin1));
      }
    },
  );

  it("give their source's error to their reader, and their reader's end to the source", async () => {
    const failing = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(latin1("aabb"));
        controller.error(new Error("reset"));
      },
    });
    await expect(
      collect(failing.pipeThrough(new FrameDecoderStream(new FixedLengthDecoder({ frameLength: 2 })))),
    ).resolves.toMatchObject({
      error: { message: "reset" },
    });
    let reason: unknown = null;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(latin1("aa")),
      cancel: (why) => void (reason = why),
    });
    const reader = source
      .pipeThrough(new FrameDecoderStream(new FixedLengthDecoder({ frameLength: 2 })))
      .getReader();
    await reader.read();
    await reader.cancel("enough");
    await new Promise((resolve) => setImmediate(resolve));
    expect(reason).toBe("enough");
  });

  it("read no further than somebody reads from them", async () => {
    let pulled = 0;
    const source = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(latin1(`${(pulled += 1)}\n`)) },
      { highWaterMark: 0 },
    );
    const reader = source.pipeThrough(new FrameDecoderStream(new DelimiterDecoder(LINES))).getReader();
    for (let line = 1; line <= 5; line += 1)
      expect((await reader.read()).value).toEqual(latin1(String(line)));
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
