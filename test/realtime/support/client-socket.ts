import { GoimDecoder } from "../../../src/protocol/goim-decoder.ts";
import { GOIM_OPS, type GoimPacket } from "../../../src/protocol/goim-packet.ts";
import { packet } from "../../../src/realtime/biz/packets.ts";
import {
  SOCKET_HEADER,
  writeSocketOrigin,
  type SocketOrigin,
} from "../../../src/realtime/biz/socket-origin.ts";
import { until } from "./until.ts";

interface Said {
  readonly op: number;
  readonly seq: number;
  readonly body: string;
}

/** A client at the other end of a real socket, which a comet holds. */
export class ClientSocket {
  readonly #webSocket: WebSocket;
  readonly #said: Said[] = [];
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;

  private constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.texts.push(data);
      else this.#said.push(...packetsIn(new Uint8Array(data as ArrayBuffer)));
    });
    webSocket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    webSocket.binaryType = "arraybuffer";
    webSocket.accept();
  }

  static async open(comet: DurableObjectStub, origin: SocketOrigin): Promise<ClientSocket> {
    const headers = { upgrade: "websocket", [SOCKET_HEADER]: writeSocketOrigin(origin) };
    const { webSocket } = await comet.fetch("http://comet/", { headers });
    if (webSocket === null) throw new Error("no socket was opened");
    return new ClientSocket(webSocket);
  }

  send(op: number, body: string | object = "", seq = 1): void {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    this.#webSocket.send(packet(op, seq, new TextEncoder().encode(text)));
  }

  sendText(text: string): void {
    this.#webSocket.send(text);
  }

  close(): void {
    this.#webSocket.close(1000, "");
  }

  /** The next packet with this op; those before it are dropped. */
  async next(op: number): Promise<Said> {
    await until(() => this.#said.some((one) => one.op === op));
    const index = this.#said.findIndex((one) => one.op === op);
    const [found] = this.#said.splice(0, index + 1).slice(-1);
    if (found === undefined) throw new Error("it was there");
    return found;
  }

  /** All that has come, once something has. */
  get said(): readonly Said[] {
    return this.#said;
  }
}

function packetsIn(bytes: Uint8Array): Said[] {
  const decoder = new GoimDecoder({ maxBodyLength: 1_000_000 });
  decoder.write(bytes);
  const packets: GoimPacket[] = [];
  for (let one = decoder.next(); one !== null; one = decoder.next()) packets.push(one);
  return packets.flatMap(({ op, seq, body }) =>
    op === GOIM_OPS.raw ? packetsIn(body) : [{ op, seq, body: new TextDecoder().decode(body) }],
  );
}
