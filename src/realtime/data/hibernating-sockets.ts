import { CLOSE_CODES, type CloseReason } from "../../contracts/realtime.ts";
import { closeDetail } from "../biz/close-detail.ts";
import type { CometSocket, CometSockets } from "../biz/ports.ts";
import { decodeState, encodeState } from "../biz/socket-state-codec.ts";
import type { SocketState } from "../biz/socket-state.ts";

/** As much of an object's state as sockets need. */
type SocketHost = Pick<
  DurableObjectState,
  "acceptWebSocket" | "getWebSockets" | "getWebSocketAutoResponseTimestamp"
>;

/** The sockets that the platform keeps for an object, also while that has no memory. */
export class HibernatingSockets implements CometSockets {
  readonly #host: SocketHost;
  readonly #known = new WeakMap<WebSocket, HibernatingSocket>();

  constructor(host: SocketHost) {
    this.#host = host;
  }

  *all(): Iterable<CometSocket> {
    for (const webSocket of this.#host.getWebSockets())
      // One that is being closed stays in the list for a while.
      if (webSocket.readyState === WebSocket.OPEN) yield this.of(webSocket);
  }

  of(webSocket: WebSocket): HibernatingSocket {
    const known = this.#known.get(webSocket);
    if (known !== undefined) return known;
    const socket = new HibernatingSocket(this.#host, webSocket);
    this.#known.set(webSocket, socket);
    return socket;
  }

  /** Takes over a socket, with such a state. */
  accept(webSocket: WebSocket, state: SocketState): CometSocket {
    this.#host.acceptWebSocket(webSocket);
    const socket = this.of(webSocket);
    socket.save(state);
    return socket;
  }
}

class HibernatingSocket implements CometSocket {
  readonly #host: SocketHost;
  readonly #webSocket: WebSocket;
  #state: SocketState | null;

  constructor(host: SocketHost, webSocket: WebSocket) {
    this.#host = host;
    this.#webSocket = webSocket;
    this.#state = decodeState(webSocket.deserializeAttachment());
  }

  get id(): string {
    return this.#state?.id ?? "";
  }

  get state(): SocketState | null {
    return this.#state;
  }

  save(state: SocketState): void {
    this.#webSocket.serializeAttachment(encodeState(state));
    this.#state = state;
  }

  /** To one that has gone meanwhile nothing is sent: that it has gone comes as an event. */
  send(bytes: Uint8Array): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.send(bytes);
  }

  close(reason: CloseReason, detail: string): void {
    if (this.#webSocket.readyState === WebSocket.OPEN)
      this.#webSocket.close(CLOSE_CODES[reason], closeDetail(detail));
  }

  pingedAtMs(): number | null {
    return this.#host.getWebSocketAutoResponseTimestamp(this.#webSocket)?.getTime() ?? null;
  }
}
