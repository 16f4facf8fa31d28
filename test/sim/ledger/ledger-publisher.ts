import type { Kernel } from "../kernel/kernel.ts";
import { SimClock } from "../kernel/sim-clock.ts";
import { ledgerIsolate, type LedgerIsolate } from "./ledger-world.ts";
import type { LedgerPlace } from "./ledger-place.ts";
import { SimObject } from "../kernel/sim-object.ts";

/* As in src/ledger/service/outbox-publisher-object.ts, whose class needs the platform. */
const ALARM_LOST_MS = 10_000;

/** The publisher's object: one isolate of its ledger, behind an alarm. */
export class SimPublisher {
  readonly #object: SimObject<LedgerIsolate>;
  readonly #clock: SimClock;
  readonly #kernel: Kernel;
  readonly #hasAlarm: boolean;

  constructor(place: LedgerPlace) {
    const { kernel, hardship, counters, mutation } = place.world;
    this.#kernel = kernel;
    this.#hasAlarm = mutation.hasAlarm ?? true;
    this.#clock = new SimClock(kernel, hardship, place.world.jumps);
    this.#object = new SimObject({
      kernel,
      name: `${place.name}-publisher`,
      now: this.#clock.now,
      build: ({ process }) => ledgerIsolate(place, process, this.#clock.now),
      onAlarm: (isolate) => this.#onAlarm(isolate),
      onCrash: () => {
        counters.note("process died");
        this.#clock.step(() => counters.note("clock stepped at a restart"));
      },
      hasOutputGate: true,
      note: counters.note,
    });
  }

  /** The platform resets it, so that it runs by the version that is deployed now. */
  reset(): void {
    this.#kernel.crash(this.#object.process);
  }

  wake(atMs: number): Promise<number> {
    return this.#object.enter(() => this.#wake(atMs));
  }

  async #wake(atMs: number): Promise<number> {
    const { storage } = this.#object;
    const armedAtMs = storage.alarmAtMs;
    const isLost = armedAtMs === null || armedAtMs < this.#clock.now() - ALARM_LOST_MS;
    if (!isLost && armedAtMs <= atMs) return armedAtMs;
    if (this.#hasAlarm) await storage.setAlarm(atMs);
    return atMs;
  }

  async #onAlarm(isolate: LedgerIsolate): Promise<void> {
    const nextAtMs = await isolate.publishOnce();
    // An alarm that could not be set is the cron's.
    if (nextAtMs !== null) await this.#wake(nextAtMs).catch(() => undefined);
  }
}
