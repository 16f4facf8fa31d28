import { codeOf, hintsOf } from "../../contracts/errors.ts";
import type { SocketReceipt } from "../../contracts/realtime-rpc.ts";

/** What a socket is told of which no report was taken. */
export type FailedReceipt = Extract<SocketReceipt, { readonly failure: unknown }>;

export function failedReceipt(error: unknown): FailedReceipt {
  const { retryAfterMs } = hintsOf(error);
  return { failure: { code: codeOf(error), ...(retryAfterMs !== undefined && { retryAfterMs }) } };
}
