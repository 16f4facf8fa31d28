import { WebSocket } from "ws";
import type { GoimPacket } from "../../src/protocol/goim-packet.ts";
import { answerNameOf, packetOf, ServerPackets } from "./goim-packets.ts";

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

const ANSWER_MS_MAX = 20_000;

/** A client over TCP as a test wants it: it sends what it is told and keeps no rule by itself. */
export class GoimSocket {
  readonly closed: Promise<Closed>;
  readonly #socket: WebSocket;
  readonly #packets = new ServerPackets();
  readonly #waiting = new Map<string, PromiseWithResolvers<GoimPacket>>();
  #onPush: (packet: GoimPacket) => void = () => undefined;
  #seq = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) for (const packet of this.#packets.read(data)) this.#take(packet);
    });
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        for (const { reject } of this.#waiting.values())
          reject(new Error(`closed with ${code}: ${reason.toString()}`));
        this.#waiting.clear();
      });
    });
  }

  /** Resolves when the upgrade is answered. Rejects with its status where that isn't 101. */
  static open(url: string, headers: Readonly<Record<string, string>>): Promise<GoimSocket> {
    const address = url.replace(/^http/, "ws");
    const socket = new WebSocket(address, { headers: { ...headers }, perMessageDeflate: false });
    return new Promise((resolve, reject) => {
      const opened = new GoimSocket(socket);
      socket.once("open", () => resolve(opened));
      socket.once("error", reject);
    });
  }

  /** Hears of all packets that answer nothing. */
  set onPush(listener: (packet: GoimPacket) => void) {
    this.#onPush = listener;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(op: number, body: string | object): number {
    this.#seq += 1;
    this.#socket.send(packetOf(op, this.#seq, body));
    return this.#seq;
  }

  sendBytes(bytes: Uint8Array | string): void {
    this.#socket.send(bytes);
  }

  /** Rejects where no answer comes in time, or the socket closes before. */
  ask(op: number, body: string | object): Promise<GoimPacket> {
    const name = answerNameOf(op, this.send(op, body));
    const asked = Promise.withResolvers<GoimPacket>();
    const timer = setTimeout(() => asked.reject(new Error(`op ${op} was not answered`)), ANSWER_MS_MAX);
    this.#waiting.set(name, asked);
    return asked.promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(name);
    });
  }

  /** Reads nothing any more: the other side's bytes stay in the kernel, and then with that side. */
  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.close();
  }

  /** Without a word, as if the machine were gone. */
  cut(): void {
    this.#socket.terminate();
  }

  #take(packet: GoimPacket): void {
    const waiting = this.#waiting.get(`${packet.op}/${packet.seq}`);
    if (waiting === undefined) this.#onPush(packet);
    else waiting.resolve(packet);
  }
}
