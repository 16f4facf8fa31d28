import type { PushMessage, RoomMessage } from "../../contracts/realtime-rpc.ts";
import { ROOM_RING_MAX, ROOM_RING_MS, type RoomPlace } from "../../contracts/realtime.ts";
import type { KeptMessage } from "./ports.ts";

/** The largest `seq` of a packet: offsets are sent as that. */
const OFFSET_MAX = 2 ** 31 - 1;

/** The last messages of a room, and what numbers it gives to the next. */
export class RoomRing {
  #epoch: string;
  #messages: KeptMessage[];

  constructor(epoch: string, messages: readonly KeptMessage[] = []) {
    this.#epoch = epoch;
    this.#messages = [...messages];
  }

  get place(): RoomPlace {
    return { epoch: this.#epoch, offset: this.#messages.at(-1)?.offset ?? 0 };
  }

  /** Whether no offset is left: the next message needs a new epoch. */
  get isSpent(): boolean {
    return this.place.offset >= OFFSET_MAX;
  }

  /** Begins anew, with nothing in it. */
  renew(epoch: string): void {
    this.#epoch = epoch;
    this.#messages = [];
  }

  /** The message with the next offset, which it has once it is appended. */
  numbered({ op, body }: PushMessage, atMs: number): KeptMessage {
    return { op, body, offset: this.place.offset + 1, atMs };
  }

  append(message: KeptMessage): void {
    this.#messages.push(message);
    if (this.#messages.length > ROOM_RING_MAX) this.#messages.shift();
  }

  /** What is there of the messages after one offset up to another, however old. */
  between(after: number, through: number): readonly RoomMessage[] {
    return this.#messages
      .filter(({ offset }) => offset > after && offset <= through)
      .map(({ op, offset, body }) => ({ op, offset, body }));
  }

  /** All that came after a place; null where some of it is forgotten, or too old to be given. */
  since({ epoch, offset }: RoomPlace, nowMs: number): readonly RoomMessage[] | null {
    const { place } = this;
    if (epoch !== place.epoch || offset > place.offset) return null;
    const missed = this.#messages.filter((message) => message.offset > offset);
    const isWhole = missed.length === place.offset - offset;
    const isYoung = missed.every(({ atMs }) => atMs > nowMs - ROOM_RING_MS);
    return isWhole && isYoung ? this.between(offset, place.offset) : null;
  }
}
