import { createWriteStream, existsSync, renameSync, statSync, type WriteStream } from "node:fs";

const BYTES_MAX = 10_000_000;
/**
 * Bytes that may wait for the disk; beyond it lines are dropped and counted rather than memory
 * filled.
 */
const WAITING_BYTES_MAX = 4_000_000;

/**
 * A file of log lines that is set aside as `<path>.old` when it has 10 MB, so that two of them is
 * all there ever is. A disk that is full or a folder that has gone is told once, and holds up
 * nobody: what can't be written is dropped.
 */
export class LogFile {
  readonly path: string;
  readonly #onTrouble: (error: Error) => void;
  #stream: WriteStream;
  #bytes: number;
  #dropped = 0;
  #told = false;

  constructor(path: string, onTrouble: (error: Error) => void) {
    this.path = path;
    this.#onTrouble = onTrouble;
    this.#bytes = existsSync(path) ? statSync(path).size : 0;
    this.#stream = this.#open();
  }

  write(line: string): void {
    if (this.#stream.destroyed || this.#stream.writableLength > WAITING_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) {
      this.#append(JSON.stringify({ level: "warn", event: "log lines dropped", count: this.#dropped }));
      this.#dropped = 0;
    }
    this.#append(line);
  }

  async close(): Promise<void> {
    if (this.#stream.destroyed) return;
    await new Promise<void>((resolve) => this.#stream.once("close", () => resolve()).end());
  }

  #append(line: string): void {
    if (this.#bytes > BYTES_MAX) this.#rotate();
    this.#stream.write(`${line}\n`);
    this.#bytes += line.length + 1;
  }

  #rotate(): void {
    this.#stream.end();
    try {
      renameSync(this.path, `${this.path}.old`);
    } catch (error) {
      this.#trouble(error);
    }
    this.#stream = this.#open();
    this.#bytes = 0;
  }

  #open(): WriteStream {
    return createWriteStream(this.path, { flags: "a" }).on("error", (error) => this.#trouble(error));
  }

  #trouble(error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    this.#onTrouble(error instanceof Error ? error : new Error(String(error)));
  }
}
