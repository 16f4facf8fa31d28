import type { IncomingMessage } from "node:http";
import { FrontError } from "./front-error.ts";

interface BodyLimits {
  readonly bytesMax: number;
  /** Before the text of an error. */
  readonly prefix: string;
  /** Asked before any of it is kept. */
  readonly take: (bytes: number) => void;
}

/** A request's body of `bytesMax` at most. Throws {@link FrontError}. */
export async function readBody(
  request: IncomingMessage,
  { bytesMax, prefix, take }: BodyLimits,
): Promise<Uint8Array> {
  const tooLarge = (): FrontError => new FrontError(413, `${prefix}a request may have ${bytesMax} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge();
    take(chunk.length);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length);
}
