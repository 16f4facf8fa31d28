import type { Stage } from "./stage.ts";
import type { SocketData, SocketHolder, VirtualSocket } from "./virtual-socket.ts";

interface HeldSocketsDeps {
  readonly stage: Stage;
  readonly durableAtMs: () => number;
  readonly onMessage: (socket: VirtualSocket, data: SocketData) => void;
  readonly onClose: (socket: VirtualSocket, code: number, reason: string) => void;
}

interface AutoResponse {
  readonly request: string;
  readonly response: string;
}

/**
 * The sockets of an object: they stay while its memory goes, and answer some texts by themselves.
 */
export class HeldSockets implements SocketHolder {
  readonly #deps: HeldSocketsDeps;
  readonly #open = new Map<VirtualSocket, readonly string[]>();
  readonly #answeredAt = new WeakMap<VirtualSocket, Date>();
  #autoResponse: AutoResponse | null = null;

  constructor(deps: HeldSocketsDeps) {
    this.#deps = deps;
  }

  get durableAtMs(): number {
    return this.#deps.durableAtMs();
  }

  /** What an object's state has for them. */
  readonly state = {
    acceptWebSocket: (socket: VirtualSocket, tags: readonly string[] = []): void => {
      socket.hold(this);
      this.#open.set(socket, tags);
    },
    getWebSockets: (tag?: string): readonly VirtualSocket[] =>
      [...this.#open].flatMap(([socket, tags]) => (tag === undefined || tags.includes(tag) ? socket : [])),
    getTags: (socket: VirtualSocket): readonly string[] => this.#open.get(socket) ?? [],
    setWebSocketAutoResponse: (pair: AutoResponse | null = null): void => {
      this.#autoResponse = pair;
    },
    getWebSocketAutoResponse: (): AutoResponse | null => this.#autoResponse,
    getWebSocketAutoResponseTimestamp: (socket: VirtualSocket): Date | null =>
      this.#answeredAt.get(socket) ?? null,
  };

  received(socket: VirtualSocket, data: SocketData): void {
    if (data !== this.#autoResponse?.request) return this.#deps.onMessage(socket, data);
    this.#answeredAt.set(socket, new Date(this.#deps.stage.time.now()));
    socket.send(this.#autoResponse.response);
  }

  closed(socket: VirtualSocket, code: number, reason: string): void {
    this.#open.delete(socket);
    this.#deps.onClose(socket, code, reason);
  }
}
