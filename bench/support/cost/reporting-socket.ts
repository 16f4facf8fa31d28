import { REALTIME_OPS } from "../../../src/contracts/realtime.ts";
import { GoimDecoder } from "../../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../../src/protocol/goim-encoder.ts";
import { GOIM_OPS } from "../../../src/protocol/goim-packet.ts";
import type { VirtualSocket } from "./virtual-socket.ts";

const BODY_LENGTH_MAX = 1_048_576;

/** A player's socket in virtual time: it signs in, reports and hears what became of that. */
export class ReportingSocket {
  readonly #socket: VirtualSocket;
  readonly #encoder = new GoimEncoder();
  readonly #decoder = new GoimDecoder({ maxBodyLength: BODY_LENGTH_MAX });
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>();
  #seq = 0;

  constructor(socket: VirtualSocket) {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      if (typeof data !== "string") this.#read(new Uint8Array(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`closed with ${code}: ${reason}`));
      this.#waiting.clear();
    });
  }

  async signIn(device: string): Promise<void> {
    await this.#ask(GOIM_OPS.auth, { device: { id: device } });
  }

  /** Resolves when the report is durable. */
  async report(itemId: string, positionMs: number): Promise<void> {
    const reports = [{ kind: "video", itemId, positionMs, durationMs: 5_400_000 }];
    const answer = await this.#ask(REALTIME_OPS.report, { reports });
    if (answer !== "" && !answer.includes('"accepted":1')) throw new Error(`not taken: ${answer}`);
  }

  /** The connection's own heartbeat. */
  ping(): void {
    this.#socket.send("ping");
  }

  close(): void {
    this.#socket.close();
  }

  #ask(op: number, body: object): Promise<string> {
    this.#seq += 1;
    const asked = Promise.withResolvers<string>();
    this.#waiting.set(this.#seq, asked);
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    this.#socket.send(this.#encoder.encode({ ver: 1, op, seq: this.#seq, body: bytes }));
    return asked.promise;
  }

  #read(chunk: Uint8Array): void {
    this.#decoder.write(chunk);
    for (let packet = this.#decoder.next(); packet !== null; packet = this.#decoder.next()) {
      const asked = this.#waiting.get(packet.seq);
      this.#waiting.delete(packet.seq);
      asked?.resolve(new TextDecoder().decode(packet.body));
    }
  }
}
