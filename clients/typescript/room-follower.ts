import type { RoomPlace, RoomPlaceBody } from "./wire.ts";

/** Where a client is in the messages of its room. */
export class RoomFollower {
  readonly room: string;
  #place: RoomPlace | null = null;

  constructor(room: string) {
    this.room = room;
  }

  /** What to come back with; null: it has not been in the room yet. */
  get place(): RoomPlace | null {
    return this.#place;
  }

  /**
   * The server says where the room is. False where messages are missing: what lies between our
   * place and that one is not remembered. Otherwise what we have missed comes as messages; a place
   * before our own is that of a message which comes once more.
   */
  placed({ room, epoch, offset, missed }: RoomPlaceBody): boolean {
    if (room !== this.room) return true;
    const before = this.#place;
    const isContinued = before?.epoch === epoch && missed !== true;
    if (!isContinued) this.#place = { epoch, offset };
    return before === null || isContinued;
  }

  /**
   * A message has come: new, or one with others missing before it, or one that is not for us: we
   * have it, or have not been let in yet, and it is of the room before.
   */
  take(offset: number): "new" | "not ours" | "after a gap" {
    if (this.#place === null) return "not ours";
    const { epoch, offset: last } = this.#place;
    if (offset <= last) return "not ours";
    this.#place = { epoch, offset };
    return offset === last + 1 ? "new" : "after a gap";
  }
}
