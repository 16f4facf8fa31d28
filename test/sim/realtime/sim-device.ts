import type { ClientAction, ClientEvent, Told } from "../../../clients/typescript/client-events.ts";
import { ClientRules } from "../../../clients/typescript/rules.ts";
import type { Report } from "../../../clients/typescript/wire.ts";
import { CLOSE_CODES } from "../../../src/contracts/realtime.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { DeviceWatch } from "./device-watch.ts";
import type { DeviceEnd, SimLine } from "./sim-line.ts";
import type { DeviceScene } from "./realtime-scene.ts";

interface SimDeviceOptions {
  readonly scene: DeviceScene;
  readonly userId: string;
  readonly name: string;
  readonly room: string;
}

/** How wrong the clocks of some devices are, in ms. */
const SKEW_MS_MAX = 7_200_000;
const SKEWED = 0.3;
const DOOR_MS_MAX = 400;
/** Share of attempts that a gateway with too much to do refuses. */
const REFUSED = 0.1;
const RETRY_AFTER_MS = 2_000;

/** A device of a user: the real rules of the client, over sockets that break. */
export class SimDevice {
  readonly userId: string;
  readonly name: string;
  readonly watch: DeviceWatch;
  readonly #scene: DeviceScene;
  readonly #kernel: Kernel;
  readonly #room: string;
  readonly #skewMs: number;
  rules: ClientRules;
  line: SimLine | null = null;
  /** What belongs to an attempt that was given up happens to nobody. */
  #attempt = 0;
  #timer: () => void = () => undefined;
  #lives = 0;

  constructor({ scene, userId, name, room }: SimDeviceOptions) {
    const { kernel } = scene;
    this.userId = userId;
    this.name = name;
    this.#scene = scene;
    this.#kernel = kernel;
    this.#room = room;
    this.#skewMs = kernel.chance(SKEWED) ? Math.floor((2 * kernel.random() - 1) * SKEW_MS_MAX) : 0;
    this.watch = new DeviceWatch(scene, this);
    this.rules = this.#born();
  }

  /** By its own clock. */
  get nowMs(): number {
    return Math.floor(this.#kernel.nowMs) + this.#skewMs;
  }

  start(): void {
    this.happened({ type: "room", room: this.#room });
    this.happened({ type: "start" });
  }

  report(reports: readonly Report[]): void {
    this.watch.reported(reports);
    this.happened({ type: "report", reports });
  }

  /** The app is killed: what it had in memory is gone, and it starts with nothing. */
  die(): void {
    this.#drop();
    this.line?.dieAtDevice();
    this.line = null;
    this.rules = this.#born();
    this.start();
  }

  /** The app is in the background for a while: it has no socket, and keeps its memory. */
  rest(ms: number): void {
    this.happened({ type: "stop" });
    this.#kernel.after(ms, "", () => this.happened({ type: "start" }));
  }

  happened(event: ClientEvent): void {
    for (const action of this.rules.step(event, this.nowMs)) this.#act(action);
    this.#timer();
    const { wakeAtMs } = this.rules;
    if (Number.isFinite(wakeAtMs))
      this.#timer = this.#kernel.timer(Math.max(0, wakeAtMs - this.nowMs), "", () =>
        this.happened({ type: "time" }),
      );
  }

  #born(): ClientRules {
    this.#lives += 1;
    this.watch.begin();
    return new ClientRules({
      key: `${this.name}-${this.#lives}`,
      device: { id: this.name },
      random: this.#kernel.random,
    });
  }

  #act(action: ClientAction): void {
    switch (action.type) {
      case "connect":
        return this.#connect();
      case "send":
        return this.line?.fromDevice(action.data);
      case "close":
        this.#drop();
        this.line?.closeAtDevice();
        this.line = null;
        return;
      case "tell":
        this.#tell(action.told);
    }
  }

  #tell(told: Told): void {
    this.watch.told(told);
  }

  #drop(): void {
    this.#attempt += 1;
    this.#timer();
  }

  /** A ticket, the gateway, the realtime worker and the comet: each of them may be away. */
  #connect(): void {
    this.#attempt += 1;
    this.line = null;
    const attempt = this.#attempt;
    const unlessGivenUp = (event: ClientEvent): void => {
      if (this.#attempt === attempt) this.happened(event);
    };
    const end: DeviceEnd = {
      onBytes: (bytes) => unlessGivenUp({ type: "bytes", bytes }),
      onText: (text) => unlessGivenUp({ type: "text", text }),
      onClosed: (code) => {
        if (this.#attempt === attempt) this.#closed(code);
      },
    };
    this.#kernel.after(this.#doorMs(), "", () => {
      if (this.#attempt !== attempt) return;
      if (this.#scene.isOut(this)) return unlessGivenUp({ type: "refused", why: "unauthenticated" });
      if (this.#kernel.trouble.failsBefore > 0 && this.#kernel.chance(REFUSED)) {
        this.#scene.counters.note("attempt refused");
        return unlessGivenUp({ type: "refused", why: "unavailable", retryAfterMs: RETRY_AFTER_MS });
      }
      this.#scene.open(this, end).then(
        (line) =>
          this.#kernel.after(this.#doorMs(), "", () => {
            if (this.#attempt !== attempt) return line.closeAtDevice();
            this.line = line;
            unlessGivenUp({ type: "opened" });
          }),
        () => unlessGivenUp({ type: "closed", code: 1006 }),
      );
    });
  }

  #closed(code: number): void {
    const { counters } = this.#scene;
    if (code === CLOSE_CODES.restarting) counters.note("device closed: restarting");
    if (code === CLOSE_CODES.replaced) counters.note("device closed: replaced");
    if (code === CLOSE_CODES.unauthenticated) counters.note("device closed: unauthenticated");
    this.happened({ type: "closed", code });
  }

  #doorMs(): number {
    return Math.floor(this.#kernel.random() ** 3 * DOOR_MS_MAX);
  }
}
