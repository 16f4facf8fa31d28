import { DurableObject } from "cloudflare:workers";
import { GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import { answerNameOf, packetOf, ServerPackets } from "../sockets/goim-packets.ts";
import { untilTaken } from "../until-taken.ts";
import { Arrivals, noteIn } from "../sockets/push-note.ts";

/** A client to be opened: its headers of the upgrade, and the body of its op 7. */
export interface DrivenClient {
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: object;
}

type Methods = Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>;

interface DriverEnv {
  readonly HOLDER: DurableObjectNamespace<SocketHolder>;
  readonly GATEWAY: Fetcher;
  /** The realtime worker's push API. */
  readonly PUSHES: Methods;
  /** What its objects have counted. */
  readonly COUNTS: Methods;
}

const AT_ONCE = 16;
const ANSWER_MS_MAX = 20_000;

interface DrivenSocket {
  readonly socket: WebSocket;
  readonly waiting: Map<string, () => void>;
  seq: number;
}

/** Clients within the runtime: beyond those that its descriptors allow. */
export class SocketHolder extends DurableObject<DriverEnv> {
  readonly #sockets: DrivenSocket[] = [];
  readonly #arrivals = new Arrivals();
  readonly #left = Promise.withResolvers<void>();
  #closed = 0;

  /** Opens clients and signs them in. Answers why some could not. */
  async open(clients: readonly DrivenClient[]): Promise<readonly string[]> {
    const failures: string[] = [];
    await inTurns(clients, async (client) => {
      try {
        await untilTaken(() => this.#openOne(client));
      } catch (error) {
        failures.push(String(error));
      }
    });
    return failures;
  }

  /** Has each socket ask something, whose body may say which one it is. */
  async ask(op: number, bodies: readonly string[]): Promise<number> {
    let answered = 0;
    const asks = this.#sockets
      .slice(0, bodies.length)
      .map((socket, place) => ({ socket, body: bodies[place] }));
    await inTurns(asks, async ({ socket, body = "" }) => {
      await askOne(socket, op, body);
      answered += 1;
    });
    return answered;
  }

  /** How long the receivers of each push have waited, and how many sockets were closed. */
  arrivals(): {
    readonly ms: readonly (readonly [push: number, ms: readonly number[]])[];
    readonly closed: number;
  } {
    const ms = this.#arrivals.pushes.map((push) => [push, this.#arrivals.of(push)] as const);
    this.#arrivals.clear();
    return { ms, closed: this.#closed };
  }

  /** Keeps the object's memory so long, since a call is under way. Answers how many it has. */
  async stay(ms: number): Promise<number> {
    await Promise.race([new Promise((resolve) => setTimeout(resolve, ms)), this.#left.promise]);
    return this.#sockets.length;
  }

  closeAll(): void {
    this.#left.resolve();
    for (const { socket } of this.#sockets.splice(0)) socket.close();
  }

  async #openOne({ headers, auth }: DrivenClient): Promise<void> {
    const upgrade = { headers: { ...headers, upgrade: "websocket" } };
    const { status, webSocket } = await this.env.GATEWAY.fetch("http://gateway/v1/realtime", upgrade);
    if (webSocket === null) throw new Error(`an upgrade was answered ${status}`);
    const driven: DrivenSocket = { socket: webSocket, waiting: new Map(), seq: 0 };
    const packets = new ServerPackets();
    webSocket.binaryType = "arraybuffer";
    webSocket.accept();
    webSocket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") return;
      for (const packet of packets.read(new Uint8Array(data as ArrayBuffer))) {
        const note = noteIn(packet.body);
        if (note !== null) this.#arrivals.note(note, Date.now());
        driven.waiting.get(`${packet.op}/${packet.seq}`)?.();
      }
    });
    await askOne(driven, GOIM_OPS.auth, JSON.stringify(auth));
    webSocket.addEventListener("close", () => (this.#closed += 1));
    this.#sockets.push(driven);
  }
}

async function askOne(driven: DrivenSocket, op: number, body: string): Promise<void> {
  driven.seq += 1;
  const name = answerNameOf(op, driven.seq);
  const asked = Promise.withResolvers<void>();
  const timer = setTimeout(() => asked.reject(new Error(`op ${op} was not answered`)), ANSWER_MS_MAX);
  driven.waiting.set(name, asked.resolve);
  driven.socket.send(packetOf(op, driven.seq, body));
  try {
    await asked.promise;
  } finally {
    clearTimeout(timer);
    driven.waiting.delete(name);
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(items.slice(from, from + AT_ONCE).map(work));
}

/** What is to be done: by a holder of that name, by the push API, or by who has counted. */
export type DriverOrder =
  | { readonly holder: string; readonly method: string; readonly args: readonly unknown[] }
  | { readonly push: string; readonly args: readonly unknown[]; readonly op: number; readonly text: string }
  | { readonly ask: string; readonly args: readonly unknown[] }
  | { readonly counts: true };

const CALLED_BY = {
  requestId: "driver",
  traceparent: `00-${"1".repeat(32)}-${"1".repeat(16)}-00`,
  remainingMs: 20_000,
  principal: null,
};

async function carryOut(order: DriverOrder, { HOLDER, PUSHES, COUNTS }: DriverEnv): Promise<unknown> {
  if ("counts" in order) return COUNTS["counts"]?.();
  if ("ask" in order) return PUSHES[order.ask]?.(CALLED_BY, ...order.args);
  if ("holder" in order) {
    const holder = HOLDER.getByName(order.holder) as unknown as Methods;
    return holder[order.method]?.(...order.args);
  }
  const message = { op: order.op, body: new TextEncoder().encode(order.text) };
  return PUSHES[order.push]?.(CALLED_BY, ...order.args, message);
}

export default {
  async fetch(request, env) {
    try {
      return Response.json((await carryOut(await request.json(), env)) ?? null);
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
} satisfies ExportedHandler<DriverEnv>;
