import type { RoomRpc } from "../../contracts/realtime-rpc.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { CallObject, RoomsPort } from "../biz/ports.ts";

/** Rooms as one comet asks them; each call says that it is later than those before. */
export function cometRooms(comet: string, callRoom: CallObject<RoomRpc>, now: Clock): RoomsPort {
  let version = 0;
  return {
    members(room, count, since) {
      version = Math.max(version + 1, now());
      const called = version;
      return callRoom(room, "tell a room of its members", "write", (stub) =>
        stub.members(comet, count, since, called),
      );
    },
  };
}
