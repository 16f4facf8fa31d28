import type { CloseReason } from "../../contracts/realtime.ts";
import { FrameError } from "../../protocol/frame-error.ts";
import { GoimDecoder } from "../../protocol/goim-decoder.ts";
import type { GoimPacket } from "../../protocol/goim-packet.ts";
import type { Clock } from "../../resilience/clock.ts";

/** Why a stream is read no further: the socket is closed with this. */
export interface PacketFault {
  readonly reason: CloseReason;
  /** What a developer of the client reads as the reason of the close. */
  readonly detail: string;
}

/**
 * A packet must be whole so soon after its first bytes: the memory that its part is in is lost when
 * an object has been idle for some ten seconds.
 */
export const ASSEMBLY_MS_MAX = 8_000;
/**
 * Packets that are read in a second, before anybody looks whether a socket may send as many: no
 * piece makes a long list, and whoever hands packets on is never handed more than that.
 */
export const PACKETS_PER_SECOND_MAX = 256;

/**
 * The packets that one client sends, from pieces that may hold several of them or a part of one.
 *
 * 1. A malformed packet is refused at the byte that shows it, before anything of it is held; at
 *    most one packet that a client may send is held in part.
 * 2. Of a piece with a malformed packet nothing is done, and nothing is read after it.
 */
export class PacketStream {
  readonly #decoder = new GoimDecoder();
  readonly #now: Clock;
  #midFrameSinceMs: number | null = null;
  #fault: PacketFault | null = null;
  #second = 0;
  #packetsInSecond = 0;

  constructor(now: Clock) {
    this.#now = now;
  }

  /** When the first bytes came of a packet that isn't whole yet. */
  get midFrameSinceMs(): number | null {
    return this.#midFrameSinceMs;
  }

  /** Bytes that are held of it. */
  get buffered(): number {
    return this.#decoder.buffered;
  }

  /**
   * The packets that are whole with these bytes, which must not change while their bodies are in
   * use; or what is wrong with the stream, which it says again for whatever comes later.
   */
  take(bytes: Uint8Array): readonly GoimPacket[] | PacketFault {
    this.#fault ??= this.lateness();
    if (this.#fault !== null) return this.#fault;
    const result = this.#read(bytes);
    if (isFault(result)) {
      this.#fault = result;
      this.#midFrameSinceMs = null;
    } else if (!this.#decoder.midFrame) this.#midFrameSinceMs = null;
    else if (result.length > 0 || this.#midFrameSinceMs === null) this.#midFrameSinceMs = this.#now();
    return result;
  }

  /** What is wrong where a packet has been on its way for too long; for an owner with a timer. */
  lateness(): PacketFault | null {
    if (this.#midFrameSinceMs === null || this.#now() - this.#midFrameSinceMs < ASSEMBLY_MS_MAX) return null;
    return { reason: "malformed", detail: `a packet was not whole after ${ASSEMBLY_MS_MAX / 1_000} s` };
  }

  #read(bytes: Uint8Array): readonly GoimPacket[] | PacketFault {
    const packets: GoimPacket[] = [];
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#second) this.#packetsInSecond = 0;
    this.#second = second;
    this.#decoder.write(bytes);
    try {
      for (let packet = this.#decoder.next(); packet !== null; packet = this.#decoder.next()) {
        this.#packetsInSecond += 1;
        if (this.#packetsInSecond > PACKETS_PER_SECOND_MAX)
          return { reason: "flooding", detail: `more than ${PACKETS_PER_SECOND_MAX} packets in a second` };
        packets.push(packet);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      return { reason: error.fault === "too_long" ? "tooLong" : "malformed", detail: error.message };
    }
    return packets;
  }
}

/** Tells a fault from packets. */
export function isFault(result: readonly GoimPacket[] | PacketFault): result is PacketFault {
  return "reason" in result;
}
