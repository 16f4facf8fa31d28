import { describe, expect, it } from "vitest";
import { HibernatingSockets } from "../../../src/realtime/data/hibernating-sockets.ts";
import type { SocketState } from "../../../src/realtime/biz/socket-state.ts";

const STATE: SocketState = {
  id: "s",
  door: "own",
  isTcp: false,
  user: null,
  openedAtMs: 1,
  isSignedIn: false,
  key: "s",
  room: null,
  accepts: [],
  device: null,
  beatAtMs: 1,
  toldReportMs: 0,
  toldRev: 0,
};

/** As much of the platform's socket as is used of it. */
class PlatformSocket {
  readyState: number = WebSocket.OPEN;
  reason = "";
  sent = 0;
  #attached: unknown = null;
  serializeAttachment(value: unknown): void {
    this.#attached = structuredClone(value);
  }
  deserializeAttachment(): unknown {
    return structuredClone(this.#attached);
  }
  send(): void {
    this.sent += 1;
  }
  close(_: number, reason: string): void {
    this.reason = reason;
    this.readyState = WebSocket.CLOSING;
  }
}

function platform() {
  const open: WebSocket[] = [];
  const host = {
    acceptWebSocket: (socket: WebSocket) => void open.push(socket),
    getWebSockets: () => open,
    getWebSocketAutoResponseTimestamp: () => new Date(5),
  };
  const platformSocket = new PlatformSocket();
  const sockets = new HibernatingSockets(host);
  const socket = sockets.accept(platformSocket as unknown as WebSocket, STATE);
  return { host, sockets, socket, platformSocket };
}

describe("a hibernating socket", () => {
  it("has the state that was attached to it, also for who comes after a hibernation", () => {
    const { host, sockets, socket } = platform();
    socket.save({ ...STATE, room: "live://1" });
    expect([...sockets.all()]).toEqual([socket]);
    const [later] = new HibernatingSockets(host).all();
    expect(later).not.toBe(socket);
    expect(later?.state).toEqual({ ...STATE, room: "live://1" });
    expect(later?.pingedAtMs()).toBe(5);
  });

  it("is closed with as much of the reason as a close has place for, in whole characters", () => {
    const { socket, platformSocket } = platform();
    socket.close("invalid", `a${"\u00e9".repeat(100)}`);
    expect(platformSocket.reason).toBe(`a${"\u00e9".repeat(61)}`);
  });

  it("is there no more while it is being closed", () => {
    const { sockets, socket, platformSocket } = platform();
    socket.close("invalid", "first");
    socket.close("invalid", "second");
    socket.send(new Uint8Array(1));
    expect([...sockets.all()]).toEqual([]);
    expect(platformSocket).toMatchObject({ reason: "first", sent: 0 });
  });
});
