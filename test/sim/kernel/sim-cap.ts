/** What a cap runs on: the kernel that it is part of. */
interface SimCapDeps {
  readonly after: (delayMs: number, what: string, run: () => void) => void;
  readonly random: () => number;
  readonly now: () => number;
}

/** Where the platform refuses at the cap, in the words of each product. */
const PRODUCTS = {
  requests: "Durable Objects",
  storage: "Durable Objects",
  queries: "D1",
} as const;

/** Within what time the platform brings what it has held, in ms. */
const RELEASE_MS_MAX = 30_000;

/**
 * The account's spending cap: while it is on, objects refuse requests, their SQL and new alarms,
 * alarms that come due are held, and D1 refuses reads and writes. Where the workers' own limit is
 * reached too, crons and queue consumers stop. Without it nothing of this costs a step or a draw.
 */
export class SimCap {
  readonly #deps: SimCapDeps;
  #held: (() => void)[] = [];
  isOn = false;
  /** Null before it was on. */
  beganAtMs: number | null = null;
  stopsWorkers = false;
  /** How much it has refused and held. */
  readonly seen = { requests: 0, storage: 0, queries: 0, alarms: 0, deliveries: 0, crons: 0 };

  /** The shortest time after which somebody who met it in quiet wanted a message again, in ms. */
  soonestMs = Number.POSITIVE_INFINITY;

  readonly #tries = new Map<string, number>();

  constructor(deps: SimCapDeps) {
    this.#deps = deps;
  }

  begin(stopsWorkers: boolean): void {
    if (this.beganAtMs !== null) return;
    this.isOn = true;
    this.beganAtMs = this.#deps.now();
    this.stopsWorkers = stopsWorkers;
  }

  end(): void {
    this.isOn = false;
    for (const run of this.#held.splice(0))
      this.#deps.after(Math.floor(this.#deps.random() * RELEASE_MS_MAX), "", run);
  }

  /** Throws while it is on, in the platform's words. */
  refuse(what: keyof typeof PRODUCTS): void {
    if (!this.isOn) return;
    this.seen[what] += 1;
    const prefix = what === "queries" ? "D1_ERROR: " : "";
    throw new Error(`${prefix}Exceeded the account's spending cap for ${PRODUCTS[what]}`);
  }

  /** Whether something is held that was to happen now; it happens after the end. */
  holds(what: "alarms" | "deliveries", run: () => void): boolean {
    if (!this.isOn || (what === "deliveries" && !this.stopsWorkers)) return false;
    this.seen[what] += 1;
    this.#held.push(run);
    return true;
  }

  /** A message is delivered, though nobody can do anything with it. */
  delivered(id: string): void {
    if (this.isOn) this.#tries.set(id, (this.#tries.get(id) ?? 0) + 1);
  }

  /** Somebody who can meet nothing else wants a message again, after so long. */
  broughtAgain(delayMs: number): void {
    this.soonestMs = Math.min(this.soonestMs, delayMs);
  }

  /** How often the message was delivered that was delivered most often. */
  get triesMax(): number {
    return Math.max(0, ...this.#tries.values());
  }

  /** Whether a cron is passed over: nobody makes up for it. */
  skipsCron(): boolean {
    if (!this.isOn || !this.stopsWorkers) return false;
    this.seen.crons += 1;
    return true;
  }
}
