import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { DelimiterDecoder } from "../src/protocol/delimiter-decoder.ts";
import { DelimiterEncoder } from "../src/protocol/delimiter-encoder.ts";
import { FrameError } from "../src/protocol/frame-error.ts";

/*
 * Frames by delimiter: the inline commands of the Redis protocol, each a line
 * (redis.io/docs/latest/develop/reference/protocol-spec).
 *
 *   npx node examples/resp-lines.ts
 *
 * starts a server on a free port of 127.0.0.1, sends it a few commands byte by byte, and shows what
 * it answers.
 */

const LINE_LENGTH_MAX = 64;
const LINE_DEADLINE_MS = 5_000;
/** What a client may send is its own affair, so that the example can send too much. */
const COMMAND_LENGTH_MAX = 1_024;
const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const DELIMITERS = [latin1("\r\n"), latin1("\n")];

/** One connection: bytes in, replies out. It knows no socket, so that a test can turn its clock. */
export class RespLineSession {
  readonly #decoder = new DelimiterDecoder({ delimiters: DELIMITERS, maxFrameLength: LINE_LENGTH_MAX });
  #lineBeganAtMs: number | null = null;

  /**
   * What these bytes are answered with. A line that is too long is one error, and the next line is
   * in step again.
   */
  receive(chunk: Uint8Array, nowMs: number): readonly string[] {
    const replies: string[] = [];
    this.#decoder.write(chunk);
    for (let reply = this.#next(); reply !== null; reply = this.#next()) replies.push(reply);
    // A byte now and then must not put the deadline off: only a line that has ended does.
    if (!this.#decoder.midFrame) this.#lineBeganAtMs = null;
    else if (this.#lineBeganAtMs === null || replies.length > 0) this.#lineBeganAtMs = nowMs;
    return replies;
  }

  /** Until when the line that has begun must be complete; null between two lines. */
  get dueAtMs(): number | null {
    return this.#lineBeganAtMs === null ? null : this.#lineBeganAtMs + LINE_DEADLINE_MS;
  }

  #next(): string | null {
    try {
      const line = this.#decoder.next();
      return line && reply(Buffer.from(line).toString("latin1"));
    } catch (error) {
      if (error instanceof FrameError) return "-ERR Protocol error: too big inline request\r\n";
      throw error;
    }
  }
}

function reply(line: string): string {
  const [command = "", ...words] = line.split(" ");
  switch (command.toUpperCase()) {
    case "PING":
      return "+PONG\r\n";
    case "ECHO": {
      // A reply may hold any bytes, even a delimiter. So Redis tells the length of its bulk
      // strings: a line can't do it.
      const text = words.join(" ");
      return `$${text.length}\r\n${text}\r\n`;
    }
    default:
      return "-ERR unknown command\r\n";
  }
}

function serve(socket: Socket): void {
  const session = new RespLineSession();
  socket.on("data", (chunk) => {
    for (const text of session.receive(chunk, performance.now())) socket.write(text, "latin1");
    // A client that asks and doesn't read has to wait: its replies would pile up.
    if (socket.writableNeedDrain) socket.pause();
    const leftMs = session.dueAtMs === null ? null : session.dueAtMs - performance.now();
    if (leftMs !== null && leftMs <= 0) socket.destroy();
    else socket.setTimeout(leftMs === null ? 0 : Math.ceil(leftMs));
  });
  socket.on("drain", () => socket.resume());
  socket.on("timeout", () => socket.destroy());
  socket.on("error", () => socket.destroy());
}

/** The server, listening on a free port of 127.0.0.1. */
export async function startRespLines(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer(serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, server };
}

/**
 * Sends these commands byte by byte and returns all that is answered.
 *
 * @throws RangeError for a command that holds a delimiter: the server would take what follows it
 *   for another command
 */
export async function sendInBytes(port: number, commands: readonly string[]): Promise<string> {
  const encoder = new DelimiterEncoder({ delimiters: DELIMITERS, maxFrameLength: COMMAND_LENGTH_MAX });
  const bytes = Buffer.concat(commands.map((command) => encoder.encode(latin1(command))));
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk));
  await once(socket, "connect");
  for (const byte of bytes) {
    socket.write(Uint8Array.of(byte));
    await setImmediate();
  }
  socket.end();
  await once(socket, "close");
  return answer;
}

async function main(): Promise<void> {
  const { port, server } = await startRespLines();
  console.log(
    await sendInBytes(port, ["PING", "ECHO sticky packets", `ECHO ${"x".repeat(LINE_LENGTH_MAX)}`, "PING"]),
  );
  server.close();
}

if (import.meta.main) await main();
