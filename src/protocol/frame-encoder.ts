/** Makes the bytes from which the decoder of the same options reads the frame again. */
export interface FrameEncoder<Frame = Uint8Array> {
  /** @throws RangeError for what no decoder of these options would give back */
  encode(frame: Frame): Uint8Array;
}
