import { setTimeout as sleep } from "node:timers/promises";
import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import { DrivenSockets, type ObjectCounts } from "./driven-sockets.ts";
import { NOTE_OP } from "./push-note.ts";
import { SOCKET_DRIVER } from "./socket-workers.ts";
import { TcpSockets } from "./tcp-sockets.ts";

/** What is waited for at most: members that a room learns of, pushes on their way. */
const WAITED_MS_MAX = 20_000;
const LOOK_EVERY_MS = 100;

/** What is pushed to, by the push API's own names. */
export interface Aim {
  readonly kind: "room" | "all";
  readonly args: readonly unknown[];
  readonly op?: number;
}

/** Clients over TCP and clients within the runtime, which get the same pushes. */
export class SocketCrowd {
  readonly tcp: TcpSockets;
  readonly driven: DrivenSockets;
  readonly #waitedMs = new Map<number, number[]>();
  #closed = 0;
  #pushed = 0;

  private constructor(tcp: TcpSockets, driven: DrivenSockets) {
    this.tcp = tcp;
    this.driven = driven;
  }

  static async of({ url, miniflare }: RunningPlatform): Promise<SocketCrowd> {
    const driver = String(await miniflare.unsafeGetDirectURL(SOCKET_DRIVER));
    return new SocketCrowd(new TcpSockets(url), new DrivenSockets(driver));
  }

  get size(): number {
    return this.tcp.open.length + this.driven.count;
  }

  /** Within the runtime, closed by whichever side; known since arrivals were asked for last. */
  get closed(): number {
    return this.tcp.closed.length + this.#closed;
  }

  counts(): Promise<ObjectCounts> {
    return this.driven.counts();
  }

  /** Pushes a note. Answers its number. */
  async push({ kind, args, op = NOTE_OP }: Aim): Promise<number> {
    this.#pushed += 1;
    const push = this.#pushed;
    await this.driven.push(kind, args, op, JSON.stringify({ push, sentAtMs: Date.now() }));
    return push;
  }

  /**
   * Those that have got a push, by how long that took, when all have got it or none comes any more.
   */
  async waitedFor(pushes: readonly number[], receivers: number): Promise<readonly number[]> {
    const untilMs = performance.now() + WAITED_MS_MAX;
    for (;;) {
      await this.#collect();
      const got = pushes.flatMap((push) => this.#waitedMs.get(push) ?? []);
      if (got.length >= receivers || performance.now() > untilMs) {
        for (const push of pushes) this.#waitedMs.delete(push);
        return got;
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Waits until the room knows of so many members. Answers how many it knows of. */
  async online(room: string, expected: number): Promise<number> {
    const untilMs = performance.now() + WAITED_MS_MAX;
    for (;;) {
      const online = await this.driven.online(room);
      if (online === expected || performance.now() > untilMs) return online;
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #collect(): Promise<void> {
    const note = (push: number, ms: readonly number[]): void => {
      const known = this.#waitedMs.get(push) ?? [];
      this.#waitedMs.set(push, known);
      for (const each of ms) known.push(each);
    };
    const { arrivals } = this.tcp;
    for (const push of arrivals.pushes) note(push, arrivals.of(push));
    arrivals.clear();
    const held = await this.driven.arrivals();
    this.#closed = held.reduce((sum, { closed }) => sum + closed, 0);
    for (const { ms } of held) for (const [push, each] of ms) note(push, each);
  }
}
