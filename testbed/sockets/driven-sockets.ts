import type { DrivenClient, DriverOrder } from "../workers/socket-driver.ts";

/** How often each method of a comet or a room was called; `Comet.constructor`: made anew. */
export type ObjectCounts = Readonly<Record<string, number>>;

/** What has come in at a holder's sockets since it was last asked. */
export interface HolderArrivals {
  /** For each push how long its receivers have waited. */
  readonly ms: readonly (readonly [push: number, ms: readonly number[]])[];
  readonly closed: number;
}

/** Of one holder: each is an object, with a thread of its own. */
const PER_HOLDER = 500;

/** Clients that a driver holds within the runtime, and what else it can do there. */
export class DrivenSockets {
  readonly #url: string;
  readonly #sizes: number[] = [];

  /** @param url - where the driver answers */
  constructor(url: string) {
    this.#url = url;
  }

  get count(): number {
    return this.#sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Opens clients beside those that are open. Throws where one can't be. */
  async open(clients: readonly DrivenClient[]): Promise<void> {
    for (let from = 0; from < clients.length; from += PER_HOLDER) {
      const part = clients.slice(from, from + PER_HOLDER);
      const failures = await this.#holder<readonly string[]>(this.#sizes.length, "open", [part]);
      if (failures.length > 0) throw new Error(`${failures.length} sockets failed, first: ${failures[0]}`);
      this.#sizes.push(part.length);
    }
  }

  /**
   * Has each of the sockets ask something, with the body of its number, so many a second at most: a
   * room that is awake takes descriptors.
   */
  async ask(op: number, bodyOf: (number: number) => string, perSecond: number): Promise<void> {
    const startedAtMs = performance.now();
    let first = 0;
    for (const [holder, size] of this.#sizes.entries()) {
      const from = first;
      const bodies = Array.from({ length: size }, (_, place) => bodyOf(from + place));
      await this.#holder(holder, "ask", [op, bodies]);
      first += size;
      const earlyMs = (first / perSecond) * 1_000 - (performance.now() - startedAtMs);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, earlyMs)));
    }
  }

  async arrivals(): Promise<readonly HolderArrivals[]> {
    return Promise.all(this.#sizes.map((_, holder) => this.#holder<HolderArrivals>(holder, "arrivals", [])));
  }

  async closeAll(): Promise<void> {
    for (const holder of this.#sizes.keys()) await this.#holder(holder, "closeAll", []);
    this.#sizes.length = 0;
  }

  /** Pushes a text by the realtime worker's RPC. */
  async push(
    kind: "room" | "users" | "all",
    args: readonly unknown[],
    op: number,
    text: string,
  ): Promise<number> {
    const { delivered } = await this.#order<{ readonly delivered: number }>({ push: kind, args, op, text });
    return delivered;
  }

  async online(room?: string): Promise<number> {
    const args = room === undefined ? [] : [room];
    return (await this.#order<{ readonly online: number }>({ ask: "online", args })).online;
  }

  counts(): Promise<ObjectCounts> {
    return this.#order<ObjectCounts>({ counts: true });
  }

  #holder<T>(holder: number, method: string, args: readonly unknown[]): Promise<T> {
    return this.#order<T>({ holder: `holder-${holder}`, method, args });
  }

  async #order<T>(order: DriverOrder): Promise<T> {
    const response = await fetch(this.#url, { method: "POST", body: JSON.stringify(order) });
    const text = await response.text();
    if (!response.ok) throw new Error(`the driver answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }
}
