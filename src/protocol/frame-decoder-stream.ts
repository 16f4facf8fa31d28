import type { FrameDecoder } from "./frame-decoder.ts";

/**
 * A decoder as a stream:
 * `socket.readable.pipeThrough(new FrameDecoderStream(new FixedLengthDecoder({ frameLength: 64 })))`.
 * A malformed frame or an end within one is an error of the stream, after the frames before it.
 *
 * It is no TransformStream itself: one that fails forgets what nobody has read of it yet, and the
 * frames before the fault would be lost.
 */
export class FrameDecoderStream<Frame = Uint8Array> {
  readonly writable: WritableStream<Uint8Array>;
  readonly readable: ReadableStream<Frame>;

  constructor(decoder: FrameDecoder<Frame>) {
    const pipe = new TransformStream<Uint8Array, Uint8Array>();
    this.writable = pipe.writable;
    this.readable = framesOf(pipe.readable.getReader(), decoder);
  }
}

function framesOf<Frame>(
  bytes: ReadableStreamDefaultReader<Uint8Array>,
  decoder: FrameDecoder<Frame>,
): ReadableStream<Frame> {
  let failure: { readonly error: unknown } | null = null;
  return new ReadableStream<Frame>(
    {
      /** Called only when all frames that were given have been read. */
      async pull(controller) {
        if (failure !== null) throw failure.error;
        let given = 0;
        try {
          while (given === 0) {
            const { done, value } = await bytes.read();
            if (done) {
              decoder.end();
              return controller.close();
            }
            decoder.write(value);
            for (let frame = decoder.next(); frame !== null; frame = decoder.next(), given += 1)
              controller.enqueue(frame);
          }
        } catch (error) {
          // The writer is told at once, the reader when it has come so far.
          failure = { error };
          bytes.cancel(error).catch(() => undefined);
          if (given === 0) throw error;
        }
      },
      cancel: (reason) => bytes.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
