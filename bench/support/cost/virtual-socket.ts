import type { Stage } from "./stage.ts";

/** What goes over a socket. */
export type SocketData = string | Uint8Array;

/** The object that holds an end of a socket while it may hibernate. */
export interface SocketHolder {
  /** When everything that it has written is durable: nothing leaves it before. */
  readonly durableAtMs: number;
  received(socket: VirtualSocket, data: SocketData): void;
  closed(socket: VirtualSocket, code: number, reason: string): void;
}

interface SocketEvents {
  readonly message: { readonly data: string | ArrayBuffer };
  readonly close: { readonly code: number; readonly reason: string };
}

type Listeners = { readonly [Name in keyof SocketEvents]: ((event: SocketEvents[Name]) => void)[] };

const OPEN = 1;
const CLOSED = 3;
const NORMAL_CLOSE = 1_000;

/**
 * One end of a WebSocket in virtual time, with as much of the platform's interface as our code
 * uses. What is sent arrives in its order, half a round trip later.
 */
export class VirtualSocket {
  static readonly OPEN = OPEN;
  readyState = OPEN;
  readonly #stage: Stage;
  readonly #oneWayMs: number;
  readonly #listeners: Listeners = { message: [], close: [] };
  #peer: VirtualSocket | null = null;
  #holder: SocketHolder | null = null;
  #attachment: unknown = null;
  #lastArrivesAtMs = 0;

  private constructor(stage: Stage, oneWayMs: number) {
    this.#stage = stage;
    this.#oneWayMs = oneWayMs;
  }

  static pair(stage: Stage, oneWayMs: number): readonly [VirtualSocket, VirtualSocket] {
    const ends = [new VirtualSocket(stage, oneWayMs), new VirtualSocket(stage, oneWayMs)] as const;
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  /** An object takes this end. */
  hold(holder: SocketHolder): void {
    this.#holder = holder;
  }

  accept(): void {}

  addEventListener<Name extends keyof SocketEvents>(
    name: Name,
    listener: (event: SocketEvents[Name]) => void,
  ): void {
    this.#listeners[name].push(listener);
  }

  send(data: SocketData | ArrayBuffer): void {
    if (this.readyState !== OPEN) throw new TypeError("the socket is closed");
    const copy = typeof data === "string" ? data : new Uint8Array(data).slice();
    this.#toPeer((peer) => peer.#received(copy));
  }

  close(code = NORMAL_CLOSE, reason = ""): void {
    if (this.readyState !== OPEN) return;
    this.readyState = CLOSED;
    this.#toPeer((peer) => peer.#closed(code, reason));
  }

  serializeAttachment(attachment: unknown): void {
    this.#attachment = structuredClone(attachment);
  }

  deserializeAttachment(): unknown {
    return structuredClone(this.#attachment);
  }

  #toPeer(arrive: (peer: VirtualSocket) => void): void {
    const { time } = this.#stage;
    const leavesAtMs = Math.max(time.now(), this.#holder?.durableAtMs ?? 0);
    this.#lastArrivesAtMs = Math.max(this.#lastArrivesAtMs, leavesAtMs + this.#oneWayMs);
    time.at(this.#lastArrivesAtMs, () => {
      if (this.#peer !== null) arrive(this.#peer);
    });
  }

  #received(data: SocketData): void {
    if (this.readyState !== OPEN) return;
    if (this.#holder !== null) this.#holder.received(this, data);
    const given = typeof data === "string" ? data : data.slice().buffer;
    for (const listener of this.#listeners.message) listener({ data: given });
  }

  #closed(code: number, reason: string): void {
    if (this.readyState !== OPEN) return;
    this.readyState = CLOSED;
    this.#holder?.closed(this, code, reason);
    for (const listener of this.#listeners.close) listener({ code, reason });
  }
}
