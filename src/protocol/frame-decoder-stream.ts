import type { FrameDecoder } from "./frame-decoder.ts";

/**
 * A decoder as a stream: `socket.readable.pipeThrough(new FrameDecoderStream(new FixedLengthDecoder({ frameLength: 64 })))`. A malformed frame or an end
 * within one is an error of the stream, after the frames before it.
 */
export class FrameDecoderStream<Frame = Uint8Array> extends TransformStream<Uint8Array, Frame> {
  constructor(decoder: FrameDecoder<Frame>) {
    super({
      transform(chunk, controller) {
        decoder.write(chunk);
        for (let frame = decoder.next(); frame !== null; frame = decoder.next()) controller.enqueue(frame);
      },
      flush() {
        decoder.end();
      },
    });
  }
}
