import type { IncomingMessage, ServerResponse } from "node:http";

/** Whether a request can still be told that it is refused; one that can't is cut off. */
export function canBeRefused(request: IncomingMessage, response: ServerResponse): boolean {
  if (response.headersSent) {
    response.destroy();
    return false;
  }
  // What is left of a body that nobody will read must not be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  return true;
}
