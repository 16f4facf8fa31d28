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
/**
 * An object without a call under way loses its memory after ten seconds, and its sockets with it.
 */
const STAYS_MS = 60_000;

/** Clients that a driver holds within the runtime, and what else it can do there. */
export class DrivenSockets {
  readonly #url: string;
  readonly #sizes: number[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** @param url - where the driver answers */
  constructor(url: string) {
    this.#url = url;
  }

  get count(): number {
    return this.#sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Opens clients beside those that are open. Throws where one can't be. */
  async open(clients: readonly DrivenClient[]): Promise<void> {
    this.#timer ??= setInterval(
      () => this.#sizes.forEach((_, holder) => void this.#stay(holder)),
      STAYS_MS / 2,
    );
    for (let from = 0; from < clients.length; from += PER_HOLDER) {
      const part = clients.slice(from, from + PER_HOLDER);
      const failures = await this.#holder<readonly string[]>(this.#sizes.length, "open", [part]);
      console.error(new Date().toISOString(), "opened", from, failures.length);
      if (failures.length > 0) throw new Error(`${failures.length} sockets failed, first: ${failures[0]}`);
      void this.#stay(this.#sizes.push(part.length) - 1);
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
      const answered = await this.#holder<number>(holder, "ask", [op, bodies]);
      if (answered !== size) throw new Error(`holder ${holder} asked by ${answered} of its ${size} sockets`);
      first += size;
      const earlyMs = (first / perSecond) * 1_000 - (performance.now() - startedAtMs);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, earlyMs)));
    }
  }

  async arrivals(): Promise<readonly HolderArrivals[]> {
    return Promise.all(this.#sizes.map((_, holder) => this.#holder<HolderArrivals>(holder, "arrivals", [])));
  }

  async closeAll(): Promise<void> {
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
    for (const holder of this.#sizes.keys()) await this.#holder(holder, "closeAll", []);
    this.#sizes.length = 0;
  }

  /** Throws where a holder has lost its sockets: what is measured then says nothing. */
  async #stay(holder: number): Promise<void> {
    const held = await this.#holder<number>(holder, "stay", [STAYS_MS]);
    const size = this.#sizes[holder] ?? held;
    if (this.#timer !== null && held !== size)
      throw new Error(`holder ${holder} has ${held} of its ${size} sockets`);
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
