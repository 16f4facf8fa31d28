import { TICKET_TTL_S } from "../contracts/internal-request.ts";
import { requirePrincipal } from "../platform/call/request-scope.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { Tickets } from "./tickets.ts";

/** `POST /v1/realtime/tickets`: a ticket for the caller's session. */
export async function answerTicket(
  tickets: Pick<Tickets, "mint">,
  scope: Pick<GatewayScope, "principal">,
): Promise<Response> {
  const ticket = await tickets.mint(requirePrincipal(scope));
  return Response.json({ ticket, expiresIn: TICKET_TTL_S }, { status: 201 });
}
