import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { GOIM_OPS, type GoimPacket } from "../../src/protocol/goim-packet.ts";

export interface ServerOptions {
  /** How many bytes it writes at a time. */
  readonly pieceLength: number;
  /**
   * How it ends: as it should, in the middle of a packet, or with a packet that lies about its
   * length.
   */
  readonly ending: "clean" | "cut" | "lying";
}

const PIECE_EVERY_MS = 1;
const NEWS_OP = 1_000;
const ONLINE = Uint8Array.of(0, 0, 0, 42);
const LYING_HEADER = Uint8Array.of(0x7f, 0xff, 0xff, 0xff);
const encoder = new GoimEncoder();
const body = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * A small stand-in for goim's comet, on a free port of 127.0.0.1: answers auth and heartbeats,
 * pushes two packets, ends.
 */
export async function startServer(
  options: ServerOptions,
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((socket) => void serve(socket, options)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, server };
}

async function serve(socket: Socket, options: ServerOptions): Promise<void> {
  const decoder = new GoimDecoder();
  socket.setNoDelay(true).on("error", () => socket.destroy());
  try {
    for await (const chunk of socket) {
      decoder.write(chunk as Uint8Array);
      for (let packet = decoder.next(); packet !== null; packet = decoder.next())
        await respond(socket, packet, options);
    }
    decoder.end();
  } catch {
    // A malformed packet or a client that has gone: there is nobody to tell.
    socket.destroy();
  }
}

async function respond(
  socket: Socket,
  packet: GoimPacket,
  { pieceLength, ending }: ServerOptions,
): Promise<void> {
  await write(socket, answer(packet), pieceLength);
  if (packet.op !== GOIM_OPS.heartbeat) return;
  if (ending === "cut") await write(socket, push("lost").subarray(0, -1), pieceLength);
  if (ending === "lying") await write(socket, LYING_HEADER, pieceLength);
  socket.end();
}

function answer({ ver, op, seq }: GoimPacket): Uint8Array {
  if (op === GOIM_OPS.auth) return encoder.encode({ ver, op: GOIM_OPS.authReply, seq, body: body("") });
  if (op !== GOIM_OPS.heartbeat) return encoder.encode({ ver, op, seq, body: body("") });
  const reply = encoder.encode({ ver, op: GOIM_OPS.heartbeatReply, seq, body: ONLINE });
  const envelope = encoder.encode({
    ver: 1,
    op: GOIM_OPS.raw,
    seq: 0,
    body: Buffer.concat([push("sticky"), push("packets")]),
  });
  return Buffer.concat([reply, envelope]);
}

function push(text: string): Uint8Array {
  return encoder.encode({ ver: 1, op: NEWS_OP, seq: 0, body: body(text) });
}

/** Waits between two pieces: the kernel would put together what it has not sent yet. */
async function write(socket: Socket, bytes: Uint8Array, pieceLength: number): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed; at += pieceLength) {
    socket.write(bytes.subarray(at, at + pieceLength));
    await setTimeout(PIECE_EVERY_MS);
  }
}
