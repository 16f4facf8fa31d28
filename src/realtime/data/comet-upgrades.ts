import { objectError } from "../../platform/database/platform-errors.ts";
import type { Patience } from "../../platform/call/patience.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import { SOCKET_HEADER, writeSocketOrigin, type SocketOrigin } from "../biz/socket-origin.ts";

/** As much of a comet as is needed to open a socket to it. */
export interface CometDoor {
  fetch(request: Request): Promise<Response>;
}

interface CometUpgradesDeps {
  readonly cometNamed: (name: string) => CometDoor;
  readonly guard: Guard;
}

/** Opens a socket in a comet. Answers what the comet does: 101 with the socket, or why not. */
export type OpenSocket = (comet: string, origin: SocketOrigin, patience: Patience) => Promise<Response>;

const WHAT = "open a socket";
/** A host that says nothing: an object has no other. */
const COMET_URL = "http://comet/";

/** One that is ill is left alone, and closes none of the others. Nothing is sent twice. */
export function cometUpgrades({ cometNamed, guard }: CometUpgradesDeps): OpenSocket {
  return function openSocket(comet, origin, { deadlineAtMs, isHurried = false, hangUp }) {
    const headers = { upgrade: "websocket", [SOCKET_HEADER]: writeSocketOrigin(origin) };
    const plan = {
      kind: "write",
      idempotent: false,
      part: comet,
      deadlineAtMs,
      isHurried,
      ...(hangUp !== undefined && { hangUp }),
      failureOf: ({ status }: Response) => (status < 500 ? null : ({ code: "UNAVAILABLE" } as const)),
    } as const;
    return guard.call(WHAT, plan, async () => {
      try {
        return await cometNamed(comet).fetch(new Request(COMET_URL, { headers }));
      } catch (cause) {
        throw objectError(cause, WHAT);
      }
    });
  };
}
