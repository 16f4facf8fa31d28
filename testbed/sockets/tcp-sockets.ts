import { GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import type { DrivenClient } from "../workers/socket-driver.ts";
import { GoimSocket, type Closed } from "./goim-socket.ts";
import { untilTaken } from "../until-taken.ts";
import { Arrivals, noteIn } from "./push-note.ts";

const AT_ONCE = 64;

/** Many clients over TCP, all of this process. */
export class TcpSockets {
  readonly arrivals = new Arrivals();
  readonly #url: string;
  readonly #sockets: GoimSocket[] = [];
  readonly #closed: Closed[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  get open(): readonly GoimSocket[] {
    return this.#sockets.filter(({ isOpen }) => isOpen);
  }

  /** Those that have been closed, by whichever side. */
  get closed(): readonly Closed[] {
    return this.#closed;
  }

  /** Opens clients beside those that are open and signs them in. */
  async openAll(clients: readonly DrivenClient[]): Promise<void> {
    await inTurns(clients, ({ headers, auth }) =>
      untilTaken(async () => {
        const socket = await GoimSocket.open(`${this.#url}/v1/realtime`, headers);
        await socket.ask(GOIM_OPS.auth, auth);
        socket.onPush = ({ body }) => {
          const note = noteIn(body);
          if (note !== null) this.arrivals.note(note, Date.now());
        };
        void socket.closed.then((closed) => this.#closed.push(closed));
        this.#sockets.push(socket);
      }),
    );
  }

  /** Has each of the sockets ask something, with the body of its number. */
  async ask(op: number, bodyOf: (number: number) => string): Promise<void> {
    await inTurns([...this.#sockets.entries()], async ([number, socket]) => {
      await socket.ask(op, bodyOf(number));
    });
  }

  async closeAll(count = this.#sockets.length): Promise<void> {
    const closing = this.#sockets.splice(0, count);
    for (const socket of closing) socket.close();
    await Promise.all(closing.map(({ closed }) => closed));
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
