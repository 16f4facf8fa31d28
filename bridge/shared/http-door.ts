import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A connection on which nothing moves for so long is cut, whichever side has stopped. */
const SILENCE_MS_MAX = 60_000;
const BODY_TIMEOUT_MS = 30_000;

interface DoorOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly connectionsMax: number;
}

/** An HTTP server that listens. */
export interface Door {
  readonly server: Server;
  readonly url: string;
  /** What is being answered is answered, for `patienceMs` at most; nothing new is let in. */
  readonly close: (patienceMs: number) => Promise<void>;
}

/** Listens, with a bound on connections and on every silence. */
export async function openDoor({ host, port, connectionsMax }: DoorOptions): Promise<Door> {
  const server = createServer({ requestTimeout: BODY_TIMEOUT_MS, keepAliveTimeout: SILENCE_MS_MAX });
  server.setTimeout(SILENCE_MS_MAX);
  server.maxConnections = connectionsMax;
  const unanswered = new Set<ServerResponse>();
  let isClosing = false;
  server.on("request", (_request, response) => {
    response.shouldKeepAlive &&= !isClosing;
    unanswered.add(response);
    response.once("close", () => unanswered.delete(response));
  });
  server.listen(port, host);
  await once(server, "listening");
  const { port: at } = server.address() as AddressInfo;
  const close = async (patienceMs: number): Promise<void> => {
    const closed = once(server, "close");
    isClosing = true;
    // Each connection ends with the answer that is under way on it, or its client would go on.
    for (const response of unanswered) response.shouldKeepAlive = false;
    server.close();
    server.closeIdleConnections();
    const patience = setTimeout(() => server.closeAllConnections(), patienceMs);
    await closed;
    clearTimeout(patience);
  };
  return { server, url: `http://${host.includes(":") ? `[${host}]` : host}:${at}`, close };
}
