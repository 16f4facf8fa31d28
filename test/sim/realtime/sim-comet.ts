import type { PushMessage, RoomMessage, UserNews } from "../../../src/contracts/realtime-rpc.ts";
import { CLOSE_CODES } from "../../../src/contracts/realtime.ts";
import { Comet } from "../../../src/realtime/biz/comet.ts";
import type { CometSocket, HistoryPort, RoomsPort } from "../../../src/realtime/biz/ports.ts";
import { SimClock } from "../kernel/sim-clock.ts";
import { SimObject } from "../kernel/sim-object.ts";
import type { RealtimeScene } from "./realtime-scene.ts";
import { SimLine, type CometEnd, type DeviceEnd } from "./sim-line.ts";

interface SimCometOptions {
  readonly scene: RealtimeScene;
  readonly name: string;
  readonly history: (leave: Leave) => HistoryPort;
  readonly rooms: (leave: Leave) => RoomsPort;
  readonly endedSessions: (sessionIds: readonly string[]) => readonly string[];
}

/** A call that the object makes. */
export type Leave = <T>(what: string, effect: () => Promise<T>) => Promise<T>;

/** How long a comet waits for whom it asks, in ms. */
const PATIENCE_MS = 3_000;
/** Share of deaths in which the sockets are closed with a word. */
const SAYS_SO = 0.5;

/** The Durable Object of one comet: the real class over sockets that outlive its memory. */
export class SimComet implements CometEnd {
  readonly name: string;
  readonly object: SimObject<Comet>;
  readonly lines = new Set<SimLine>();
  readonly #options: SimCometOptions;
  readonly #clock: SimClock;
  /** The platform's object for each socket, in this life. */
  #sockets = new Map<SimLine, CometSocket>();
  /** Timers and calls that keep it awake. */
  #awake = 0;
  #isForgetting = false;
  #ids = 0;

  constructor(options: SimCometOptions) {
    const { scene, name } = options;
    const { kernel, counters, hardship } = scene;
    this.name = name;
    this.#options = options;
    this.#clock = new SimClock(kernel, hardship, false);
    this.object = new SimObject({
      kernel,
      name: `comet ${name}`,
      now: this.#clock.now,
      build: () => this.#build(),
      onAlarm: (comet) => comet.onAlarm(),
      onCrash: () => this.#died(),
      hasOutputGate: scene.mutation.hasOutputGate ?? true,
      note: (event) => counters.note(event),
    });
  }

  now(): number {
    return this.#clock.now();
  }

  /** How many sockets the platform holds open for it. */
  get open(): number {
    return [...this.lines].filter(({ isOpenAtComet }) => isOpenAtComet).length;
  }

  /** Those of them that have no other end any more. */
  get ghosts(): number {
    return [...this.lines].filter(({ isOpenAtComet, isOpen }) => isOpenAtComet && !isOpen).length;
  }

  accept(userId: string, device: string, end: DeviceEnd): Promise<SimLine> {
    const { kernel, counters } = this.#options.scene;
    return this.#enter((comet) => {
      const state = comet.admit({
        door: "own",
        isTcp: false,
        user: { userId, sessionId: `session-of-${device}`, roles: ["user"] },
      });
      if (state === null) throw new Error("the comet is full");
      const line = new SimLine({ kernel, name: device, device: end, comet: this });
      line.attached = JSON.stringify(state);
      this.lines.add(line);
      comet.opened(this.#socketOf(line));
      counters.note("socket opened");
      return line;
    });
  }

  onBytes(line: SimLine, bytes: Uint8Array): void {
    void this.#enter((comet) => comet.message(this.#socketOf(line), bytes)).catch(() => undefined);
  }

  onClosed(line: SimLine): void {
    this.lines.delete(line);
    void this.#enter((comet) => comet.closed(this.#socketOf(line))).catch(() => undefined);
  }

  changed(news: readonly UserNews[]): Promise<readonly string[]> {
    return this.#enter((comet) => comet.changed(news));
  }

  pushRoom(room: string, epoch: string, messages: readonly RoomMessage[]): Promise<number> {
    return this.#enter((comet) => comet.pushRoom(room, epoch, messages));
  }

  pushUsers(userIds: readonly string[], message: PushMessage): Promise<number> {
    return this.#enter((comet) => comet.pushUsers(userIds, message));
  }

  /** It has been idle for long: its memory goes, its sockets stay. False where it is not idle. */
  forget(): boolean {
    if (this.#awake > 0 || this.object.instance === null) return false;
    this.#isForgetting = true;
    this.#options.scene.kernel.crash(this.object.process);
    this.#isForgetting = false;
    return true;
  }

  async #enter<T>(run: (comet: Comet) => T | Promise<T>): Promise<T> {
    const { process } = this.object;
    const { life } = process;
    this.#awake += 1;
    try {
      return await this.object.enter(run);
    } finally {
      if (process.life === life) this.#awake -= 1;
    }
  }

  readonly #leave: Leave = async (what, effect) => {
    this.#awake += 1;
    try {
      return await this.object.leave(what, PATIENCE_MS, effect);
    } finally {
      this.#awake -= 1;
    }
  };

  #build(): Comet {
    const { scene, history, rooms, endedSessions } = this.#options;
    const { kernel, mutation } = scene;
    const { object } = this;
    const historyPort = history(this.#leave);
    return new Comet({
      sockets: {
        all: () =>
          [...this.lines].filter(({ isOpenAtComet }) => isOpenAtComet).map((line) => this.#socketOf(line)),
      },
      history: mutation.history?.(historyPort) ?? historyPort,
      rooms: rooms(this.#leave),
      endedSessions: (sessionIds) =>
        this.#leave("ask which sessions have ended", async () => endedSessions(sessionIds)),
      alarm: { set: (atMs) => void object.storage.setAlarm(atMs).catch(() => undefined) },
      alarmAtMs: object.storage.alarmAtMs,
      now: this.#clock.now,
      random: kernel.random,
      newId: () => `${this.name}-${(this.#ids += 1)}`,
      schedule: (delayMs, callback) => this.#schedule(delayMs, callback),
      onBackgroundFailure: () => undefined,
    });
  }

  /** A timer keeps the object awake. */
  #schedule(delayMs: number, callback: () => void): () => void {
    const { life } = this.object.process;
    let isPlanned = true;
    this.#awake += 1;
    const over = (): void => {
      if (isPlanned && this.object.process.life === life) this.#awake -= 1;
      isPlanned = false;
    };
    const callOff = this.object.schedule(Math.ceil(delayMs), () => {
      over();
      callback();
    });
    return () => {
      over();
      callOff();
    };
  }

  #socketOf(line: SimLine): CometSocket {
    const known = this.#sockets.get(line);
    if (known !== undefined) return known;
    const socket: CometSocket = {
      id: line.name,
      get state() {
        return line.attached === null ? null : JSON.parse(line.attached);
      },
      save: (state) => {
        line.attached = JSON.stringify(state);
      },
      send: (bytes) => line.fromComet(bytes),
      close: (reason) => {
        this.lines.delete(line);
        line.closeAtComet(CLOSE_CODES[reason]);
      },
      pingedAtMs: () => line.pingedAtMs,
    };
    this.#sockets.set(line, socket);
    return socket;
  }

  #died(): void {
    this.#awake = 0;
    this.#sockets = new Map();
    this.#clock.step(() => undefined);
    if (this.#isForgetting) return;
    const { kernel } = this.#options.scene;
    const code = kernel.chance(SAYS_SO) ? CLOSE_CODES.restarting : 1006;
    for (const line of this.lines) line.dieAtComet(code);
    this.lines.clear();
  }
}
