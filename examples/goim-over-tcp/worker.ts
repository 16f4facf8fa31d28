import { connect } from "cloudflare:sockets";
import { FrameDecoderStream } from "../../src/protocol/frame-decoder-stream.ts";
import { FrameEncoderStream } from "../../src/protocol/frame-encoder-stream.ts";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { GOIM_OPS, type GoimPacket } from "../../src/protocol/goim-packet.ts";

interface Env {
  readonly SERVER_PORT: number;
}

/** What the worker saw of the server's stream. */
export interface Seen {
  readonly packets: readonly { readonly op: number; readonly seq: number; readonly body: string }[];
  /** In how many chunks its bytes came. */
  readonly chunks: number;
  readonly bytes: number;
  /** The fault it ended with, or null. */
  readonly fault: string | null;
}

const EXCHANGE_MS = 5_000;
/** goim sets no limit to what a server sends, so its reader does. */
const BODY_LENGTH_MAX = 65_536;
const EMPTY = new Uint8Array(0);

/** A goim client inside workerd: signs in, sends a heartbeat, and reads until the server ends. */
export default {
  async fetch(_request: Request, { SERVER_PORT }: Env): Promise<Response> {
    const socket = connect({ hostname: "127.0.0.1", port: SERVER_PORT });
    // A server that never ends would hold the request: a decoder has no clock, so its owner needs
    // one.
    const deadline = setTimeout(() => void socket.close(), EXCHANGE_MS);
    try {
      await send(socket.writable, [
        { ver: 1, op: GOIM_OPS.auth, seq: 1, body: new TextEncoder().encode('{"mid":1}') },
        { ver: 1, op: GOIM_OPS.heartbeat, seq: 2, body: EMPTY },
      ]);
      return Response.json(await read(socket.readable));
    } finally {
      clearTimeout(deadline);
    }
  },
} satisfies ExportedHandler<Env>;

async function send(writable: WritableStream<Uint8Array>, packets: readonly GoimPacket[]): Promise<void> {
  const encode = new FrameEncoderStream(new GoimEncoder());
  const sent = encode.readable.pipeTo(writable, { preventClose: true });
  const writer = encode.writable.getWriter();
  for (const packet of packets) await writer.write(packet);
  await writer.close();
  await sent;
}

async function read(readable: ReadableStream<Uint8Array>): Promise<Seen> {
  const seen = {
    packets: [] as Seen["packets"][number][],
    chunks: 0,
    bytes: 0,
    fault: null as string | null,
  };
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen.chunks += 1;
      seen.bytes += chunk.length;
      controller.enqueue(chunk);
    },
  });
  try {
    const packets = readable
      .pipeThrough(count)
      .pipeThrough(new FrameDecoderStream(new GoimDecoder({ maxBodyLength: BODY_LENGTH_MAX })));
    for await (const packet of packets)
      for (const { op, seq, body } of opened(packet)) seen.packets.push({ op, seq, body: latin1Of(body) });
  } catch (error) {
    seen.fault = String(error);
  }
  return seen;
}

/** The packets in an envelope, or the packet itself. */
function opened(packet: GoimPacket): readonly GoimPacket[] {
  if (packet.op !== GOIM_OPS.raw) return [packet];
  const decoder = new GoimDecoder({ maxBodyLength: BODY_LENGTH_MAX });
  const packets: GoimPacket[] = [];
  decoder.write(packet.body);
  for (let inner = decoder.next(); inner !== null; inner = decoder.next()) packets.push(inner);
  decoder.end();
  return packets;
}

function latin1Of(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
