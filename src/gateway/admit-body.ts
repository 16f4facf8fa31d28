import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { CodedError } from "../contracts/errors.ts";

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/**
 * Lets a body pass if it is JSON by its type and not too large. A body of declared length is streamed on unread; one without is counted first.
 * Throws `UNSUPPORTED_MEDIA_TYPE` or `TOO_LARGE`.
 */
export function admitBody(): (c: Context, bytesMax: number) => Promise<void> {
  const limits = new Map<number, MiddlewareHandler>();
  const limitOf = (bytesMax: number): MiddlewareHandler => {
    const known = limits.get(bytesMax);
    if (known !== undefined) return known;
    const fresh = bodyLimit({
      maxSize: bytesMax,
      onError: () => {
        throw new CodedError("TOO_LARGE", `The body has more than ${bytesMax} bytes`);
      },
    });
    limits.set(bytesMax, fresh);
    return fresh;
  };

  return async function admit(c, bytesMax) {
    const { headers } = c.req.raw;
    const length = headers.get("content-length");
    if (length === "0" || (length === null && c.req.raw.body === null)) return;
    if (!JSON_TYPE.test(headers.get("content-type") ?? "")) {
      throw new CodedError("UNSUPPORTED_MEDIA_TYPE", "A body must be application/json");
    }
    if (length !== null && Number(length) <= bytesMax) return;
    await limitOf(bytesMax)(c, async () => undefined);
  };
}
