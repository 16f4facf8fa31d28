import { once } from "node:events";
import { createServer, type Server } from "node:http";
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

/** An HTTP server that listens, with a bound on its connections and on every silence. */
export async function openDoor({
  host,
  port,
  connectionsMax,
}: DoorOptions): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer({ requestTimeout: BODY_TIMEOUT_MS, keepAliveTimeout: SILENCE_MS_MAX });
  server.setTimeout(SILENCE_MS_MAX);
  server.maxConnections = connectionsMax;
  server.listen(port, host);
  await once(server, "listening");
  const { port: at } = server.address() as AddressInfo;
  return { server, url: `http://${host.includes(":") ? `[${host}]` : host}:${at}` };
}

/** What is being answered is answered, for `patienceMs` at most; nothing new is let in. */
export async function closeDoor(server: Server, patienceMs: number): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const patience = setTimeout(() => server.closeAllConnections(), patienceMs);
  await closed;
  clearTimeout(patience);
}
