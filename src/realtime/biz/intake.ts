import { MESSAGES_PER_SECOND_MAX, ROOM_CHANGES_PER_MINUTE_MAX } from "../../contracts/realtime.ts";
import type { GoimPacket } from "../../protocol/goim-packet.ts";
import type { Clock } from "../../resilience/clock.ts";
import { Gcra } from "../../resilience/quota/gcra.ts";
import { isFault, PacketStream, type PacketFault } from "./packet-stream.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/**
 * Pieces in which packets may come in a second, however small: each wakes an object. Whoever writes
 * byte by byte gets a packet of some hundred bytes through.
 */
const PIECES_PER_SECOND_MAX = 512;
export const FLOOD: PacketFault = {
  reason: "flooding",
  detail: `more than ${MESSAGES_PER_SECOND_MAX} packets or ${PIECES_PER_SECOND_MAX} pieces in a second`,
};

/** Paces the pieces that come from one socket. */
export function pieceLimit(): Gcra {
  return new Gcra({ limit: PIECES_PER_SECOND_MAX, windowMs: SECOND_MS });
}

/** What comes from one socket: cut into packets, and counted. */
export class Intake {
  readonly #now: Clock;
  readonly #stream: PacketStream;
  readonly #packets = new Gcra({ limit: MESSAGES_PER_SECOND_MAX, windowMs: SECOND_MS });
  readonly #pieces = pieceLimit();
  /** Made when it is needed: few change their room. */
  #rooms: Gcra | null = null;

  constructor(now: Clock) {
    this.#now = now;
    this.#stream = new PacketStream(now);
  }

  /** Whether a packet has begun that isn't whole yet. */
  get isMidPacket(): boolean {
    return this.#stream.midFrameSinceMs !== null;
  }

  /** The packets that are whole with these bytes, or why the socket has to go. */
  take(bytes: Uint8Array): readonly GoimPacket[] | PacketFault {
    const nowMs = this.#now();
    if (!this.#pieces.take(nowMs, 1).allowed) return FLOOD;
    const result = this.#stream.take(bytes);
    return isFault(result) || this.#packets.take(nowMs, result.length).allowed ? result : FLOOD;
  }

  /** Counts a change of the room. False where there have been too many. */
  takeRoomChange(): boolean {
    this.#rooms ??= new Gcra({ limit: ROOM_CHANGES_PER_MINUTE_MAX, windowMs: MINUTE_MS });
    return this.#rooms.take(this.#now(), 1).allowed;
  }

  /** Why the socket has to go where a packet has been on its way for too long. */
  lateness(): PacketFault | null {
    return this.#stream.lateness();
  }
}
