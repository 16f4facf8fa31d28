import { CodedError } from "../contracts/errors.ts";
import { CallTimeoutError, requestTimer } from "../platform/guard/call-timer.ts";

const JSON_TYPE = /^application\/json\s*(;|$)/i;
const NO_BYTES = new Uint8Array(0);

/** A body that has come whole: as text, or as the bytes it was put together from; null for none. */
export type RequestBody = string | Uint8Array<ArrayBuffer> | null;

/** How much a body may have, and until when it is waited for. */
export interface BodyLimits {
  readonly bytesMax: number;
  /** Time left for it, in ms. */
  readonly leftMs: number;
  /** Whether it may be of any type; else it is JSON. */
  readonly takesBytes: boolean;
}

/**
 * The whole body of a request, if it is JSON by its type, where it must be, and not too large; null
 * where there is none. It is read here, before any upstream is called, so that a client who sends
 * it slowly spends their own time and nobody takes an upstream for slow. What comes with GET and
 * HEAD has no meaning (RFC 9110, 9.3.1) and is not read.
 *
 * Throws `UNSUPPORTED_MEDIA_TYPE`, `TOO_LARGE`, `MALFORMED` where it breaks off,
 * `DEADLINE_EXCEEDED` where it doesn't come in time.
 */
export async function readBody(
  request: Request,
  { bytesMax, leftMs, takesBytes }: BodyLimits,
): Promise<RequestBody> {
  const { headers, body, method } = request;
  if (method === "GET" || method === "HEAD") return null;
  const declared = headers.get("content-length");
  if (declared === "0" || body === null) return null;
  const isTaken = takesBytes || JSON_TYPE.test(headers.get("content-type") ?? "");
  if (!isTaken && declared !== null) throw notJson();
  if (declared !== null && Number(declared) > bytesMax) throw tooLarge(bytesMax);
  try {
    // One that says its length is cut there by the runtime. One that doesn't may turn out to be
    // none, which needs no type. As text, since bytes need a buffer of their own: what is no UTF-8
    // becomes what a decoder puts there, here as well as in a BFF, and is refused there.
    if (declared !== null && !takesBytes) return await requestTimer.withTimeout(request.text(), leftMs);
    return await requestTimer.withTimeout(
      isTaken ? readUpTo(body, bytesMax, tooLarge) : readUpTo(body, 0, notJson),
      leftMs,
    );
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    if (cause instanceof CallTimeoutError)
      throw new CodedError("DEADLINE_EXCEEDED", "The body did not come in time", { cause });
    throw new CodedError("MALFORMED", "The body breaks off, or is not sent as HTTP has it", { cause });
  }
}

async function readUpTo(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  refusal: (bytesMax: number) => CodedError,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value = NO_BYTES } = await reader.read();
    if (done) return length === 0 ? null : joined(chunks, length);
    length += value.byteLength;
    if (length > bytesMax) {
      // Nobody waits for the rest, nor for whether it was stopped.
      void reader.cancel().catch(() => undefined);
      throw refusal(bytesMax);
    }
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

function notJson(): CodedError {
  return new CodedError("UNSUPPORTED_MEDIA_TYPE", "A body must be application/json");
}

function tooLarge(bytesMax: number): CodedError {
  return new CodedError("TOO_LARGE", `The body has more than ${bytesMax} bytes`);
}
