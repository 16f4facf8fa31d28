import { createWriteStream, existsSync, renameSync, statSync, type WriteStream } from "node:fs";

const BYTES_MAX = 10_000_000;
/** Bytes that may wait for the disk; beyond it lines are dropped and counted rather than memory filled. */
const WAITING_BYTES_MAX = 4_000_000;

/** A file of log lines that is set aside as `<path>.old` when it has 10 MB, so that two of them is all there ever is. */
export class LogFile {
  readonly path: string;
  #stream: WriteStream;
  #bytes: number;
  #dropped = 0;

  constructor(path: string) {
    this.path = path;
    this.#bytes = existsSync(path) ? statSync(path).size : 0;
    this.#stream = createWriteStream(path, { flags: "a" });
  }

  write(line: string): void {
    if (this.#stream.writableLength > WAITING_BYTES_MAX) {
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
    await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
  }

  #append(line: string): void {
    if (this.#bytes > BYTES_MAX) this.#rotate();
    this.#stream.write(`${line}\n`);
    this.#bytes += line.length + 1;
  }

  #rotate(): void {
    this.#stream.end();
    renameSync(this.path, `${this.path}.old`);
    this.#stream = createWriteStream(this.path, { flags: "a" });
    this.#bytes = 0;
  }
}
