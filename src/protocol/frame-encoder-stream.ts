import type { FrameEncoder } from "./frame-encoder.ts";

/**
 * An encoder as a stream of frames to bytes. A frame that can't be encoded is an error of the
 * stream.
 */
export class FrameEncoderStream<Frame = Uint8Array> extends TransformStream<Frame, Uint8Array> {
  constructor(encoder: FrameEncoder<Frame>) {
    super({
      transform(frame, controller) {
        controller.enqueue(encoder.encode(frame));
      },
    });
  }
}
