import { connect } from "node:net";

/** A request as bytes, in the pieces it is sent in. */
export interface RawRequest {
  readonly pieces: readonly Buffer[];
  /** Whether the sender closes its half after the last piece, in the middle of a body. */
  readonly breaksOff: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const TIMEOUT_MS = 30_000;
const PIECE_SPACING_MS = 2;

/**
 * Sends bytes as they are and reads one answer. Null where the other side closes without one, or
 * says nothing for half a minute.
 */
export async function exchange(port: number, { pieces, breaksOff }: RawRequest): Promise<RawAnswer | null> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const chunks: Buffer[] = [];
  const closed = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => resolve());
    // A reset after the answer is the other side's way of not reading a body to its end.
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.setTimeout(TIMEOUT_MS, () => resolve());
  });
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await new Promise((resolve) => setTimeout(resolve, PIECE_SPACING_MS));
    if (socket.writable) socket.write(piece);
  }
  if (breaksOff) socket.end();
  await closed;
  socket.destroy();
  return answerIn(Buffer.concat(chunks).toString("latin1"));
}

function answerIn(text: string): RawAnswer | null {
  const headEnd = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1];
  if (headEnd < 0 || status === undefined) return null;
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { status: Number(status), headers, body: text.slice(headEnd + 4) };
}
