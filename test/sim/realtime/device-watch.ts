import { nameOf } from "../../../clients/typescript/history-copy.ts";
import type { Told } from "../../../clients/typescript/client-events.ts";
import type { Change, Entry, ReceiptBody, Report } from "../../../clients/typescript/wire.ts";
import type { DeviceScene, NamedDevice } from "./realtime-scene.ts";

/** How far off what a client dates its reports by may be: clocks in steps of 5 s, and their way. */
const DATING_MS_MAX = 15_000;

/** What was told of an item: every report by its place and date, and what was last. */
interface Seen {
  readonly reports: Set<string>;
  lastReport: string | null;
  last: string | null;
}

/** Looks at all that a device is told. */
export class DeviceWatch {
  readonly #scene: DeviceScene;
  readonly #device: NamedDevice;
  readonly #seen = new Map<string, Seen>();
  /** Reports that are not acked. */
  readonly #open = new Set<Report>();
  /** Items that it has reported itself since it was live: it is not told of those. */
  readonly mine = new Set<string>();
  /** What it was shown of its room, in order; null: it was told that something is missing. */
  readonly shown: (string | null)[] = [];
  devices: readonly string[] = [];
  stopped: string | null = null;
  #timesLive = 0;
  readonly #shownNow = new Set<string>();

  constructor(scene: DeviceScene, device: NamedDevice) {
    this.#scene = scene;
    this.#device = device;
  }

  /** The app is started: it has nothing. */
  begin(): void {
    this.#seen.clear();
    this.#open.clear();
    this.mine.clear();
    this.shown.push(null);
    this.#shownNow.clear();
    this.devices = [];
    this.stopped = null;
    this.#timesLive = 0;
  }

  reported(reports: readonly Report[]): void {
    for (const report of reports) {
      this.#open.add(report);
      this.mine.add(nameOf(report));
    }
  }

  told(told: Told): void {
    const { counters } = this.#scene;
    switch (told.type) {
      case "live":
        this.#timesLive += 1;
        counters.note(this.#timesLive > 1 ? "device came back" : "device live");
        this.stopped = null;
        this.mine.clear();
        for (const report of this.#open) this.mine.add(nameOf(report));
        return;
      case "stopped":
        this.stopped = told.why;
        if (told.why === "given up") counters.note("device given up");
        return;
      case "changed":
        return this.#changed(told.changes, told.isAnew);
      case "reported":
        return this.#reported(told.reports, told.receipt);
      case "not reported":
        return this.#scene.hold(
          false,
          `${this.#device.name}: every report is taken in the end, not ${JSON.stringify(told.problem)}`,
        );
      case "devices":
        this.devices = told.devices.map(({ id }) => id);
        return;
      case "room missed":
        counters.note("device told that messages of its room are missing");
        this.shown.push(null);
        return;
      case "room message":
        return this.#shown(new TextDecoder().decode(told.body));
      case "pace":
      case "command":
      case "settled":
      case "pushed":
        return;
    }
  }

  #shown(text: string): void {
    this.#scene.counters.note("room message shown");
    this.#scene.hold(!this.#shownNow.has(text), `${this.#device.name}: no message of a room is shown twice`);
    this.#shownNow.add(text);
    this.shown.push(text);
  }

  #changed(changes: readonly Change[], isAnew: boolean): void {
    const { counters } = this.#scene;
    if (isAnew) {
      if (this.#timesLive > 1) counters.note("device was told to begin anew");
      this.#seen.clear();
    }
    for (const change of changes) {
      counters.note("change told");
      if ("entry" in change) this.#applied(change.entry);
      else if ("removed" in change) this.#goneFrom(nameOf(change.removed));
    }
  }

  /** Each report is of a position of its own: so two states of an item are told from each other. */
  #applied(entry: Entry): void {
    const name = nameOf(entry);
    const seen = this.#seen.get(name) ?? { reports: new Set<string>(), lastReport: null, last: null };
    this.#seen.set(name, seen);
    if (JSON.stringify(entry) === seen.last) this.#scene.counters.note("change told again, equal");
    const report = `${entry.positionMs} at ${entry.watchedAt}`;
    const isMark = seen.lastReport === report || entry.positionMs === 0;
    // Where clocks are wrong many reports have one time, and one that is sent again wins again.
    const areTimesRight = this.#scene.hardship.skewMsMax === 0;
    this.#scene.hold(
      isMark || !areTimesRight || !seen.reports.has(report),
      `${this.#device.name}: no change is applied twice, nor an older one after it`,
    );
    seen.reports.add(report);
    seen.lastReport = report;
    seen.last = JSON.stringify(entry);
  }

  #goneFrom(name: string): void {
    const seen = this.#seen.get(name);
    if (seen !== undefined) seen.lastReport = null;
  }

  #reported(reports: readonly Report[], { ignored, superseded = [] }: ReceiptBody): void {
    const { counters, shard, madeAtMs, hardship } = this.#scene;
    const winners = new Set(superseded.map(nameOf));
    counters.note("report acknowledged", reports.length);
    counters.note("report lost to a newer state", winners.size);
    counters.note("report ignored for a pause", ignored);
    for (const report of reports) {
      this.#open.delete(report);
      const { positions, latestMs } = shard.durable;
      const laterMs = Math.max(
        latestMs.get(`${this.#device.userId} ${nameOf(report)}`) ?? 0,
        latestMs.get(this.#device.userId) ?? 0,
      );
      const dueMs = (madeAtMs.get(report.positionMs) ?? 0) - DATING_MS_MAX - 2 * hardship.skewMsMax;
      this.#scene.hold(
        positions.has(report.positionMs) || winners.has(nameOf(report)) || ignored > 0 || laterMs >= dueMs,
        `${this.#device.name}: what is acked is durable, or has lost to what is later`,
      );
    }
  }
}
