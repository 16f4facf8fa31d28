import type { Hono } from "hono";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import { DoorSession, type DoorDeps } from "./door-session.ts";
import { STANDARD_CLOSE_CODES } from "./standard-close-codes.ts";

/**
 * `/sub`: goim's own clients, which say who they are in their first packet. The gateway lets
 * nothing through to it but upgrades.
 */
export function addSubDoor(app: Hono<BffEnv>, deps: DoorDeps): void {
  app.get("/sub", function openSubSocket() {
    const { 0: theirs, 1: ours } = new WebSocketPair();
    serveSocket(ours, deps);
    return new Response(null, { status: 101, webSocket: theirs });
  });
}

/** A connection over a WebSocket, from its upgrade on. */
export function serveSocket(socket: WebSocket, deps: DoorDeps): void {
  const session = new DoorSession(
    deps,
    {
      send: (data) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(data);
      },
      close: (code, detail) => socket.close(code, detail),
    },
    { isTcp: false },
  );
  socket.binaryType = "arraybuffer";
  socket.accept();
  socket.addEventListener("message", ({ data }) =>
    typeof data === "string" ? session.takeText(data) : session.take(new Uint8Array(data)),
  );
  socket.addEventListener("close", ({ code, reason }) => session.end(code, reason));
  socket.addEventListener("error", () => session.end(STANDARD_CLOSE_CODES.cut, "the client is gone"));
  void session.open();
}
