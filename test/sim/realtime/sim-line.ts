import type { Kernel } from "../kernel/kernel.ts";

/** What becomes of a socket at the device. */
export interface DeviceEnd {
  onBytes(bytes: Uint8Array): void;
  onText(text: string): void;
  onClosed(code: number): void;
}

/** What becomes of it at the comet's object, which need not be awake. */
export interface CometEnd {
  onBytes(line: SimLine, bytes: Uint8Array): void;
  onClosed(line: SimLine): void;
}

interface SimLineOptions {
  readonly kernel: Kernel;
  readonly name: string;
  readonly device: DeviceEnd;
  readonly comet: CometEnd;
}

const DELAY_MS_MAX = 120;
/** What a browser says of a socket that ended without a word. */
const NO_WORD = 1006;
/** Share of cuts of which an end hears nothing: it finds out by itself, or never. */
const SILENT = 0.2;
const HEARD_MS_MAX = 3_000;

/**
 * One WebSocket: what is sent arrives in order, a moment later, or never, once it is cut. The
 * platform keeps what the comet attaches to it, and answers the text `ping` without the comet.
 */
export class SimLine {
  readonly name: string;
  readonly #options: SimLineOptions;
  /** What is attached, as the platform stores it. */
  attached: string | null = null;
  pingedAtMs: number | null = null;
  #isOpenAtDevice = true;
  #isOpenAtComet = true;
  #upAtMs = 0;
  #downAtMs = 0;
  /** Nothing gets through any more, nor does what was on its way. */
  #isCut = false;
  /** Messages on their way to the device. */
  underWay = 0;

  constructor(options: SimLineOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get isOpenAtComet(): boolean {
    return this.#isOpenAtComet;
  }

  get isOpen(): boolean {
    return this.#isOpenAtComet && this.#isOpenAtDevice;
  }

  fromDevice(data: Uint8Array | "ping"): void {
    if (!this.#isOpenAtDevice) return;
    this.#up(() => {
      if (!this.#isOpenAtComet) return;
      if (data !== "ping") return this.#options.comet.onBytes(this, data);
      this.pingedAtMs = this.#options.kernel.nowMs;
      this.#down(() => this.#options.device.onText("pong"));
    });
  }

  fromComet(bytes: Uint8Array): void {
    if (!this.#isOpenAtComet) return;
    // The platform has a copy: what the sender does with its bytes afterwards is of no account.
    const copy = bytes.slice();
    this.#down(() => this.#options.device.onBytes(copy));
  }

  closeAtDevice(): void {
    if (!this.#isOpenAtDevice) return;
    this.#isOpenAtDevice = false;
    this.#up(() => this.#closedForComet());
  }

  closeAtComet(code: number): void {
    if (!this.#isOpenAtComet) return;
    this.#isOpenAtComet = false;
    this.#down(() => this.#closedForDevice(code));
  }

  /** The network is gone: what was on its way is lost, and each end hears of it later, or never. */
  cut(): void {
    const { kernel } = this.#options;
    this.#isCut = true;
    for (const hear of [() => this.#closedForComet(), () => this.#closedForDevice(NO_WORD)])
      if (!kernel.chance(SILENT)) kernel.after(Math.floor(kernel.random() * HEARD_MS_MAX), "", hear);
  }

  /** The device has died, without a word. */
  dieAtDevice(): void {
    this.#isOpenAtDevice = false;
    this.cut();
  }

  /** The object has died, and its sockets with it. */
  dieAtComet(code: number): void {
    if (!this.#isOpenAtComet) return;
    this.#isOpenAtComet = false;
    this.#isCut = true;
    const { kernel } = this.#options;
    if (this.#isOpenAtDevice)
      kernel.after(Math.floor(kernel.random() * HEARD_MS_MAX), "", () => this.#closedForDevice(code));
  }

  #closedForComet(): void {
    if (!this.#isOpenAtComet) return;
    this.#isOpenAtComet = false;
    this.#options.comet.onClosed(this);
  }

  #closedForDevice(code: number): void {
    if (!this.#isOpenAtDevice) return;
    this.#isOpenAtDevice = false;
    this.#options.device.onClosed(code);
  }

  #up(arrive: () => void): void {
    this.#upAtMs = this.#after(this.#upAtMs, arrive);
  }

  #down(arrive: () => void): void {
    this.underWay += 1;
    this.#downAtMs = this.#after(
      this.#downAtMs,
      () => {
        if (this.#isOpenAtDevice) arrive();
      },
      () => (this.underWay -= 1),
    );
  }

  #after(notBeforeMs: number, arrive: () => void, done: () => void = () => undefined): number {
    const { kernel } = this.#options;
    const atMs = Math.max(notBeforeMs, kernel.nowMs + Math.floor(kernel.random() ** 3 * DELAY_MS_MAX));
    kernel.after(atMs - kernel.nowMs, "", () => {
      done();
      if (!this.#isCut) arrive();
    });
    return atMs;
  }
}
