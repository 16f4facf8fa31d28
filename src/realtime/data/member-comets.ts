import type { CometRpc } from "../../contracts/realtime-rpc.ts";
import type { CallObject, MemberComets } from "../biz/ports.ts";

/** Comets as a room calls them. */
export function memberComets(room: string, callComet: CallObject<CometRpc>): MemberComets {
  return {
    async push(comet, epoch, messages) {
      const { delivered } = await callComet(comet, "push to a room's members", "write", (stub) =>
        stub.pushRoom(room, epoch, messages),
      );
      return delivered;
    },
  };
}
