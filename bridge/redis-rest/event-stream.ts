import type { ServerResponse } from "node:http";

/**
 * Bytes that may wait for a reader. One that is further behind is cut: it would be sent old news
 * from memory for ever.
 */
const WAITING_BYTES_MAX = 1_048_576;
/**
 * Shows that both sides are still there; below the minute after which the server cuts what is
 * silent.
 */
const HEARTBEAT_MS = 15_000;

/**
 * Server-sent events on a response, ended by whoever goes first: the reader, by closing or by
 * falling behind, or us.
 */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>) {
    this.#response = response;
    response.writeHead(200, { ...headers, "content-type": "text/event-stream", "cache-control": "no-cache" });
    response.flushHeaders();
    this.#heartbeat = setInterval(() => this.#write(":\n\n"), HEARTBEAT_MS);
    response.once("close", () => clearInterval(this.#heartbeat));
  }

  /** One event. A line break in it begins another `data:` line, as the standard has it. */
  send(text: string): void {
    this.#write(`data: ${text.split(/\r\n|\r|\n/).join("\ndata: ")}\n\n`);
  }

  /**
   * The last one: why there will be none. The text is a comment to clients, which know of no such
   * event, and for whoever reads the stream.
   */
  fail(why: string): void {
    this.#write(`: ${why.replaceAll(/[\r\n]+/g, " ")}\n\n`);
    this.end();
  }

  end(): void {
    this.#response.end();
  }

  #write(text: string): void {
    if (this.#response.writableLength > WAITING_BYTES_MAX) this.#response.destroy();
    else this.#response.write(text);
  }
}
