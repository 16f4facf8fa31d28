import type { Kernel } from "./kernel.ts";
import type { SimStorage } from "./sim-storage.ts";

export type AlarmEvent =
  | "alarm late"
  | "alarm lost"
  | "lost alarm set again"
  | "alarm went off twice"
  | "alarm was tried again"
  | "alarm abandoned";

interface SimAlarmOptions {
  readonly kernel: Kernel;
  readonly name: string;
  /** The wall clock of the object's machine: the alarm is set by it. */
  readonly now: () => number;
  readonly storage: SimStorage;
  /**
   * Calls the handler; fails if that does, or if the object dies in it. It is told whether that has
   * happened before.
   */
  readonly ring: (isBroughtAgain: boolean) => Promise<void>;
  readonly note: (event: AlarmEvent) => void;
}

/** The platform tries an alarm again after 2 s, 4 s, … and gives it up after six failures. */
const TRIES_MAX = 6;
const RETRY_MS = 2_000;
const TWICE_MS_MAX = 30_000;
const LATE_MS_MAX = 120_000;

/** The one alarm of an object: at least once, unless the platform gives it up. */
export class SimAlarm {
  readonly #options: SimAlarmOptions;
  /** Which setting the platform has in mind; another number means that it was set again. */
  #number = 0;
  #underWay = 0;
  #isLost = false;

  constructor(options: SimAlarmOptions) {
    this.#options = options;
  }

  /** Whether the handler runs, or will be tried again. */
  get isUnderWay(): boolean {
    return this.#underWay > 0;
  }

  /** The alarm stands durably at `atMs`, or nowhere. */
  plan(atMs: number | null): void {
    const { kernel, now, note, name, storage } = this.#options;
    const number = (this.#number += 1);
    if (atMs === null) return;
    if (this.#isLost) note("lost alarm set again");
    this.#isLost = false;
    const isLate = kernel.chance(kernel.trouble.alarmsLost);
    if (isLate) note("alarm late");
    const lateMs = Math.floor(
      isLate ? kernel.random() * LATE_MS_MAX : kernel.random() ** 3 * kernel.trouble.delayMsMax,
    );
    const goOff = (): void => {
      if (this.#number !== number || kernel.cap.holds("alarms", goOff)) return;
      if (kernel.chance(kernel.trouble.alarmsLost)) {
        // As if it had been given up: in one half of the cases the platform still says that it is
        // set.
        if (kernel.chance(0.5)) storage.alarmWentOff();
        this.#isLost = true;
        return note("alarm lost");
      }
      storage.alarmWentOff();
      void this.#ring(1);
      if (!kernel.chance(kernel.trouble.duplicates)) return;
      note("alarm went off twice");
      kernel.after(Math.floor(kernel.random() * TWICE_MS_MAX), `${name}: alarm again`, () =>
        this.#ringAgain(1),
      );
    };
    kernel.after(Math.max(0, atMs - now()) + lateMs, `${name}: alarm`, goOff);
  }

  /** What the platform owes is held at the spending cap, too. */
  #ringAgain(tries: number, then: () => void = () => undefined): void {
    const ring = (): void => {
      if (this.#options.kernel.cap.holds("alarms", ring)) return;
      then();
      void this.#ring(tries);
    };
    ring();
  }

  async #ring(tries: number): Promise<void> {
    const { kernel, ring, note } = this.#options;
    this.#underWay += 1;
    try {
      await ring(tries > 1);
    } catch {
      if (tries >= TRIES_MAX) return note("alarm abandoned");
      note("alarm was tried again");
      this.#underWay += 1;
      kernel.after(RETRY_MS * 2 ** tries, "", () =>
        this.#ringAgain(tries + 1, () => {
          this.#underWay -= 1;
        }),
      );
    } finally {
      this.#underWay -= 1;
    }
  }
}
