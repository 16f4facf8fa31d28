import type { Hono } from "hono";
import type { Principal } from "../../contracts/call-context.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import type { Patience } from "../../platform/call/patience.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import type { SocketOrigin } from "../biz/socket-origin.ts";

interface OwnDoorDeps {
  /** The comet of a user. Throws `UNAVAILABLE` where it isn't known. */
  readonly cometOf: (user: Principal) => Promise<string>;
  readonly openSocket: (comet: string, origin: SocketOrigin, patience: Patience) => Promise<Response>;
}

/** `/v1/realtime`: the gateway knows who it is, and the comet of the user holds the socket. */
export function addOwnDoor(app: Hono<BffEnv>, { cometOf, openSocket }: OwnDoorDeps): void {
  app.get("/v1/realtime", async function openOwnSocket(c) {
    const scope = permitted(c.env.scope, "realtime:own");
    const user = requirePrincipal(scope);
    return openSocket(await cometOf(user), { door: "own", isTcp: false, user }, scope);
  });
}
