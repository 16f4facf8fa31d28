import type { Report } from "../../../clients/typescript/wire.ts";
import { codeOf } from "../../../src/contracts/errors.ts";
import type { ItemKey, Mark, Report as DatedReport } from "../../../src/contracts/history.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { SimProcess, type Kernel } from "../kernel/kernel.ts";
import { BrokenInvariant } from "../kernel/broken-invariant.ts";
import type { RealtimeWorld } from "./realtime-world.ts";
import type { SimDevice } from "./sim-device.ts";
import { atOnce } from "../../history/support/at-once.ts";

const ITEMS = 9;
const STEP_MS = 7_000;
const ROOM_OP = 5_000;
/** Of what somebody does at a moment, a share each; the rest is a report of a device. */
const SHARES = { http: 0.12, remove: 0.07, mark: 0.06, clear: 0.02, pause: 0.03, push: 0.25 };
/** Share of a device's reports that were made a while ago. */
const LATE = 0.15;
const LATE_MS_MAX = 60_000;
const ERASE_AGAIN_MS = 2_000;
const OFTEN = ["UNAVAILABLE", "NOT_FOUND", "OVERLOADED", "UNAUTHENTICATED"];

/** Everybody: players on devices, and people who come by HTTP; nobody there waits for an answer. */
export class RealtimePeople {
  readonly #world: RealtimeWorld;
  readonly #kernel: Kernel;
  readonly #people = new SimProcess("people");
  #positionMs = 0;
  #pushed = 0;

  constructor(world: RealtimeWorld) {
    this.#world = world;
    this.#kernel = world.kernel;
  }

  /** Somebody does something. */
  act(): void {
    const { kernel, devices } = this.#world;
    const device = kernel.pick(devices);
    const { userId } = device;
    let what = kernel.random();
    for (const [name, share] of Object.entries(SHARES) as [keyof typeof SHARES, number][]) {
      if (what < share) return this.#byHttp(name, userId);
      what -= share;
    }
    this.report(device);
  }

  report(device: SimDevice): void {
    const { kernel } = this.#world;
    device.report(
      Array.from({ length: kernel.pick([1, 1, 1, 3]) }, () => this.#reportOf(device.nowMs, device.name)),
    );
  }

  /** Answers the text of the message. */
  push(): string {
    const { room, counters } = this.#world;
    const text = `${(this.#pushed += 1)}`;
    const body = new TextEncoder().encode(text);
    this.#kernel
      .rpc(this.#people, "push to a room", () => room.push({ op: ROOM_OP, body }))
      .then(
        ({ delivered }) => {
          counters.note("room message pushed");
          // Whoever is told that nobody has it knows as much.
          if (delivered > 0) room.delivered.add(text);
        },
        () => undefined,
      );
    return text;
  }

  reportByHttp(userId: string): void {
    this.#byHttp("http", userId);
  }

  #reportOf(nowMs: number, deviceId: string): Report {
    const { kernel, madeAtMs } = this.#world;
    const agoMs = kernel.chance(LATE) ? Math.floor(kernel.random() * LATE_MS_MAX) : 0;
    const positionMs = (this.#positionMs += STEP_MS);
    madeAtMs.set(positionMs, kernel.nowMs - agoMs);
    return {
      ...this.#item(),
      positionMs,
      event: kernel.pick(["playing", "paused"]),
      deviceId,
      at: nowMs - agoMs,
    };
  }

  #item(): ItemKey {
    return { kind: "video", itemId: `film-${Math.floor(this.#kernel.random() * ITEMS)}` };
  }

  #byHttp(what: keyof typeof SHARES, userId: string): void {
    if (what === "push") {
      this.push();
      return;
    }
    const { kernel, counters } = this.#world;
    const item = this.#item();
    const report = this.#reportOf(kernel.nowMs, "web");
    const dated: DatedReport = { ...report, event: "playing", at: Math.min(report.at, kernel.nowMs) };
    const mark: Mark = kernel.pick([{ watched: true }, { watched: false }, { dismissed: true }]);
    const paused = kernel.chance(0.5);
    const does: Readonly<Record<Exclude<typeof what, "push">, (shard: Shard) => unknown>> = {
      http: async (shard) => {
        await shard.report(userId, [dated]);
        counters.note("reported over HTTP");
      },
      remove: async (shard) => {
        await shard.remove(userId, item);
        counters.note("item deleted");
      },
      mark: async (shard) => {
        await shard.mark(userId, item, mark);
        counters.note("item marked by hand");
      },
      clear: (shard) => {
        shard.clear(userId);
        counters.note("history cleared");
      },
      pause: (shard) => {
        shard.setSettings(userId, { paused });
        if (paused) counters.note("history paused");
      },
    };
    this.#ask(what, does[what]);
  }

  /** Erased, there and in D1: identity asks until it is done. */
  erase(userId: string): void {
    const { shard, counters, erased } = this.#world;
    erased.add(userId);
    this.#kernel
      .rpc(this.#people, "erase", () =>
        shard.ask((one) => {
          atOnce(one.erase(userId));
          shard.database.erase(userId);
        }),
      )
      .then(
        () => counters.note("user erased"),
        () => this.#kernel.after(ERASE_AGAIN_MS, "", () => this.erase(userId)),
      );
  }

  #ask(what: string, run: (shard: Shard) => unknown): void {
    this.#kernel
      .rpc(this.#people, what, () => this.#world.shard.ask(run))
      .catch((error: unknown) => {
        if (error instanceof BrokenInvariant) throw error;
        // What failed on purpose is nobody's concern; a bug is.
        if (codeOf(error) === "INTERNAL" && !/reset|failed|not answered|got lost/.test(String(error)))
          this.#world.hold(false, `${what}: ${error instanceof Error ? error.stack : String(error)}`);
        else if (!OFTEN.includes(codeOf(error))) return;
      });
  }
}
