import { CLOSE_CODES, type CloseReason } from "../../../src/contracts/realtime.ts";
import { GoimDecoder } from "../../../src/protocol/goim-decoder.ts";
import { GOIM_OPS, type GoimPacket } from "../../../src/protocol/goim-packet.ts";
import type { CometSocket } from "../../../src/realtime/biz/ports.ts";
import { decodeState, encodeState } from "../../../src/realtime/biz/socket-state-codec.ts";
import type { SocketState } from "../../../src/realtime/biz/socket-state.ts";

/** What the platform holds at most. */
const ATTACHMENT_BYTES_MAX = 16_384;

/** A packet as a client reads it: what was in an envelope stands where that came. */
export interface Received {
  readonly op: number;
  readonly seq: number;
  readonly ver: number;
  readonly body: string;
  readonly isEnveloped: boolean;
}

/** A socket as the platform keeps it: its state is attached as bytes, and survives the comet. */
export class FakeSocket implements CometSocket {
  #attached: Uint8Array;
  pingedMs: number | null = null;
  closed: { readonly code: number; readonly detail: string } | null = null;
  readonly messages: Uint8Array[] = [];

  constructor(state: SocketState) {
    this.#attached = encodeState(state);
  }

  get id(): string {
    return this.state?.id ?? "";
  }

  get state(): SocketState | null {
    return decodeState(this.#attached);
  }

  /** As a release of later writes it. */
  spoil(): void {
    this.#attached = new Uint8Array(1);
  }

  save(state: SocketState): void {
    const bytes = encodeState(state);
    if (bytes.length > ATTACHMENT_BYTES_MAX) throw new Error("the attachment is too long");
    this.#attached = bytes;
  }

  send(bytes: Uint8Array): void {
    if (this.closed === null) this.messages.push(bytes);
  }

  close(reason: CloseReason, detail: string): void {
    this.closed ??= { code: CLOSE_CODES[reason], detail };
  }

  pingedAtMs(): number | null {
    return this.pingedMs;
  }

  /** What has come since it was asked last. */
  received(): readonly Received[] {
    return this.messages.splice(0).flatMap((message) => packetsIn(message).flatMap(opened));
  }
}

function opened(packet: GoimPacket): readonly Received[] {
  if (packet.op !== GOIM_OPS.raw) return [asReceived(packet, false)];
  return packetsIn(packet.body).map((inner) => asReceived(inner, true));
}

function asReceived({ op, seq, ver, body }: GoimPacket, isEnveloped: boolean): Received {
  return { op, seq, ver, body: new TextDecoder().decode(body), isEnveloped };
}

function packetsIn(bytes: Uint8Array): readonly GoimPacket[] {
  const decoder = new GoimDecoder({ maxBodyLength: 4_000_000 });
  decoder.write(bytes);
  const packets: GoimPacket[] = [];
  for (let packet = decoder.next(); packet !== null; packet = decoder.next()) packets.push(packet);
  decoder.end();
  return packets;
}
