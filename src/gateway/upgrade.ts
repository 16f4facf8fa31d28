import { CodedError } from "../contracts/errors.ts";
import { problemIn } from "./problem-in.ts";
import type { GatewayScope } from "./request-scope.ts";

const WEBSOCKET = "websocket";
/** The member of a query that holds a ticket. */
const TICKET = "ticket";

/** Whether a request asks for a WebSocket (RFC 6455, 4.1). */
export function isUpgrade({ method, headers }: Pick<Request, "method" | "headers">): boolean {
  return method === "GET" && headers.get("upgrade")?.toLowerCase() === WEBSOCKET;
}

/**
 * The answer to who asks for anything else where there is nothing but sockets (RFC 9110, 15.5.22).
 */
export function upgradeRequired(scope: GatewayScope): Response {
  const error = new CodedError("UPGRADE_REQUIRED", "There is a WebSocket here, and nothing else");
  return problemIn(scope, error, { headers: { upgrade: WEBSOCKET } });
}

/**
 * Takes the ticket out of the request's URL, which is passed on without it; null where there is
 * none. Throws `MALFORMED` where there are several.
 */
export function takeTicket(scope: GatewayScope): string | null {
  const url = URL.parse(scope.url ?? "");
  if (url === null) return null;
  const tickets = url.searchParams.getAll(TICKET);
  if (tickets.length === 0) return null;
  url.searchParams.delete(TICKET);
  scope.url = url.href;
  if (tickets.length > 1) throw new CodedError("MALFORMED", "A request may have one ticket");
  return tickets[0] ?? null;
}
