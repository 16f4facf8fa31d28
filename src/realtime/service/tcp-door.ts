import { UNREAD_BYTES_MAX } from "../../contracts/realtime.ts";
import type { CallTimer } from "../../platform/guard/call-timer.ts";
import { DoorSession, type ClientEnd, type DoorDeps } from "./door-session.ts";
import { STANDARD_CLOSE_CODES } from "./standard-close-codes.ts";

/** How long a client that is being closed may take to read what was sent before. */
const LINGER_MS_MAX = 1_000;

/**
 * One connection over TCP, from its beginning to its end: its packets go to the comet by an
 * ordinary WebSocket, so that what holds it there may hibernate. TCP has no close codes: the client
 * sees the end.
 */
export async function serveTcp(socket: Socket, deps: DoorDeps): Promise<void> {
  const reader = (socket.readable as ReadableStream<Uint8Array>).getReader();
  const end = new TcpEnd(socket, () => void reader.cancel().catch(ignore), deps.timer);
  const session = new DoorSession(deps, end, { isTcp: true });
  end.onStalled = () => session.fail({ reason: "stalled", detail: "it doesn't read what it is sent" });
  // A connection that breaks is told by the reader; the same error here is nobody's.
  socket.closed.catch(ignore);
  const opened = session.open();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) session.take(piece.value);
    session.end(STANDARD_CLOSE_CODES.normal, "the client has ended");
  } catch {
    session.end(STANDARD_CLOSE_CODES.cut, "the client is gone");
  }
  await opened;
  end.close();
  await end.closed;
}

/**
 * What is written to a client over TCP. No write is waited for, since it ends only when the client
 * has read: bytes are counted, and above a limit they are the last.
 */
class TcpEnd implements ClientEnd {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stopReading: () => void;
  readonly #timer: CallTimer;
  #unreadBytes = 0;
  #closing: Promise<void> | null = null;
  onStalled: () => void = () => undefined;

  constructor(socket: Socket, stopReading: () => void, timer: CallTimer) {
    this.#writer = (socket.writable as WritableStream<Uint8Array>).getWriter();
    this.#writer.closed.catch(ignore);
    this.#stopReading = stopReading;
    this.#timer = timer;
  }

  get closed(): Promise<void> {
    return this.#closing ?? Promise.resolve();
  }

  send(data: Uint8Array | string): void {
    // Texts are for WebSockets: a client over TCP has sent none that they could answer.
    if (typeof data === "string" || this.#closing !== null) return;
    if (this.#unreadBytes + data.length > UNREAD_BYTES_MAX) return this.onStalled();
    this.#unreadBytes += data.length;
    this.#writer.write(data).then(() => (this.#unreadBytes -= data.length), ignore);
  }

  close(): void {
    this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      await this.#timer.withTimeout(this.#writer.close(), LINGER_MS_MAX);
    } catch {
      // Not waited for either: a write that is under way may hold it up.
      void this.#writer.abort().catch(ignore);
    }
    this.#stopReading();
  }
}

/** The connection is over, which is told elsewhere. */
function ignore(): void {}
