import type { Principal } from "../../contracts/call-context.ts";
import { isRole } from "../../contracts/permissions.ts";
import type { SocketState } from "./socket-state.ts";

/** Who is at the other end, as services know them; null: a guest. */
export function principalOf({ user }: SocketState): Principal | null {
  return user === null ? null : { ...user, roles: user.roles.filter(isRole) };
}
