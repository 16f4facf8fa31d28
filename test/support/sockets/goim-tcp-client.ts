import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { GoimDecoder } from "../../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../../src/protocol/goim-encoder.ts";

/** A packet that a client was sent, its body as text. */
export interface SentPacket {
  readonly op: number;
  readonly seq: number;
  readonly body: string;
}

const BODY_LENGTH_MAX = 65_536;
const WAIT_MS = 15_000;
const encoder = new GoimEncoder();

/** A native client of goim's, which writes in pieces as small as it is told. */
export class GoimTcpClient {
  readonly socket: Socket;
  readonly #pieceLength: number;
  readonly #decoder = new GoimDecoder({ maxBodyLength: BODY_LENGTH_MAX });
  readonly #packets: SentPacket[] = [];
  readonly #ended: Promise<void>;

  private constructor(socket: Socket, pieceLength: number) {
    this.socket = socket;
    this.#pieceLength = pieceLength;
    this.#ended = new Promise((resolve) => socket.once("close", () => resolve()));
    // How it ends is what tests look at.
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => this.#take(chunk));
  }

  static async connect(port: number, pieceLength = 1_000): Promise<GoimTcpClient> {
    const socket = connect(port, "127.0.0.1").setNoDelay(true);
    await once(socket, "connect");
    return new GoimTcpClient(socket, pieceLength);
  }

  /** What has come and was not asked for with {@link next}. */
  get unread(): readonly SentPacket[] {
    return this.#packets;
  }

  /** Resolves when the server has ended the connection. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  async send(op: number, seq: number, body: string | object = ""): Promise<void> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    await this.write(encoder.encode({ ver: 1, op, seq, body: new TextEncoder().encode(text) }));
  }

  /** Waits between two pieces: the kernel would put together what it has not sent yet. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.socket.destroyed; at += this.#pieceLength) {
      this.socket.write(bytes.subarray(at, at + this.#pieceLength));
      if (this.#pieceLength < bytes.length) await sleep(1);
    }
  }

  /** The next packet. */
  async next(): Promise<SentPacket> {
    const untilMs = Date.now() + WAIT_MS;
    for (;;) {
      const packet = this.#packets.shift();
      if (packet !== undefined) return packet;
      if (Date.now() > untilMs) throw new Error("no packet has come");
      await sleep(5);
    }
  }

  #take(chunk: Uint8Array): void {
    this.#decoder.write(chunk);
    for (let packet = this.#decoder.next(); packet !== null; packet = this.#decoder.next()) {
      const body = Buffer.from(packet.body).toString("latin1");
      this.#packets.push({ op: packet.op, seq: packet.seq, body });
    }
  }
}
