import { ROOM_RING_MAX } from "../../../src/contracts/realtime.ts";
import type { KeptMessage, MembersOfComet, RoomStore } from "../../../src/realtime/biz/ports.ts";

/** A room's storage that outlives the room, as its object's does. */
export function memoryRoomStore(): RoomStore & { readonly writes: number } {
  let kept: { epoch: string; members: Map<string, MembersOfComet>; messages: KeptMessage[] } | null = null;
  let writes = 0;
  const write = (): NonNullable<typeof kept> => {
    writes += 1;
    if (kept === null) throw new Error("nothing is kept of this room");
    return kept;
  };
  return {
    get writes() {
      return writes;
    },
    read: () =>
      kept === null
        ? null
        : {
            epoch: kept.epoch,
            members: [...kept.members.values()],
            messages: [...kept.messages],
          },
    begin(epoch) {
      writes += 1;
      kept = { epoch, members: new Map(), messages: [] };
    },
    setMembers: (members) => void write().members.set(members.comet, members),
    forgetMembers: (comet) => void write().members.delete(comet),
    append(message) {
      const { messages } = write();
      messages.push(message);
      if (messages.length > ROOM_RING_MAX) messages.shift();
    },
    renew(epoch) {
      const room = write();
      room.epoch = epoch;
      room.messages = [];
    },
    empty() {
      writes += 1;
      kept = null;
    },
  };
}
