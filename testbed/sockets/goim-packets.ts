import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { GOIM_OPS, type GoimPacket } from "../../src/protocol/goim-packet.ts";

/** More than any push of ours: goim has no limit for what a server sends. */
const BODY_LENGTH_MAX = 4_194_304;

/** goim's own requests are answered by the next op, messages and business ops by the same. */
const ANSWERED_BY: ReadonlyMap<number, number> = new Map([
  [GOIM_OPS.heartbeat, GOIM_OPS.heartbeatReply],
  [GOIM_OPS.auth, GOIM_OPS.authReply],
  [GOIM_OPS.changeRoom, GOIM_OPS.changeRoomReply],
  [GOIM_OPS.subscribe, GOIM_OPS.subscribeReply],
  [GOIM_OPS.unsubscribe, GOIM_OPS.unsubscribeReply],
]);

const encoder = new GoimEncoder();

/** A packet of a client as it is sent; a body that is no text is JSON. */
export function packetOf(op: number, seq: number, body: string | object): Uint8Array<ArrayBuffer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return encoder.encode({ ver: 1, op, seq, body: new TextEncoder().encode(text) });
}

/** What tells an answer from pushes, whose seq may be a room's offset. */
export function answerNameOf(op: number, seq: number): string {
  return `${ANSWERED_BY.get(op) ?? op}/${seq}`;
}

/** Reads what a server sends, with envelopes opened. */
export class ServerPackets {
  readonly #decoder = new GoimDecoder({ maxBodyLength: BODY_LENGTH_MAX });

  /** The packets that end in this chunk. */
  *read(chunk: Uint8Array): Generator<GoimPacket> {
    this.#decoder.write(chunk);
    for (let packet = this.#decoder.next(); packet !== null; packet = this.#decoder.next()) {
      if (packet.op === GOIM_OPS.raw) yield* new ServerPackets().read(packet.body);
      else yield packet;
    }
  }
}
