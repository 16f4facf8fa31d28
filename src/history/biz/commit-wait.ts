import { SteadyTime } from "../../resilience/steady-time.ts";
import { RollingWindow } from "../../resilience/window/rolling-window.ts";

export interface CommitWaitOptions {
  /** How many calls a commit waits for, about: each but the first is one row less. */
  readonly group: number;
  /** How long it waits at most, in ms; 0: not at all. */
  readonly waitMsMax: number;
}

/** Over so long it is judged how often calls come, and who may come again soon, in ms. */
const JUDGED_MS = 1_000;
const BUCKETS = 10;
/** What comes within so long is one burst, in ms: it counts once, however many calls it has. */
const BURST_MS = 100;
/** Clients that are remembered: with so many there is company, whoever else there is. */
const CLIENTS_MAX = 256;
/**
 * A client may have several calls under way: where all clients wait, others of theirs may have come
 * so long after the last commit, in ms.
 */
const SPACING_MS = 50;
/** After so many waits in a row that have brought nobody there is none for so long, in ms. */
const VAIN_MAX = 3;
const VAIN_PAUSE_MS = 2_000;

const NEVER = Number.NEGATIVE_INFINITY;

/** A client who has called a moment ago. */
interface Client {
  readonly atMs: number;
  /** Calls of theirs that have no answer yet. */
  readonly waiting: number;
}

/**
 * How long a commit may wait for company. That is a matter of price: a row costs $1.00 a million,
 * and a second of the object's memory, which a pending timer keeps billed, $1.60. A wait of any
 * length pays where more than 1.6 calls a second come; so below 2 a second nothing waits. Above, a
 * commit waits for as long as a group takes to come.
 *
 * A wait is in vain where all who have called within the last second wait already: clients who send
 * nothing before they are answered. Then nobody else is left who could come soon, and a commit
 * keeps only a little distance from the last one. Where the last waits have brought nobody, for
 * whatever reason, there is none for a while.
 */
export class CommitWait {
  readonly #options: CommitWaitOptions;
  readonly #time = new SteadyTime(JUDGED_MS);
  readonly #calls = new RollingWindow({ windowMs: JUDGED_MS, buckets: BUCKETS, events: ["call"] });
  /** When the burst in progress began, the one before it, and the one before that. */
  #burstsMs: readonly [number, number, number] = [NEVER, NEVER, NEVER];
  /** By the time of their last call, the oldest first. */
  readonly #clients = new Map<string, Client>();
  /** Those among them who wait for nothing. */
  #answered = 0;
  /** Waits in a row that have brought nobody, and when the last one ended. */
  #vain = 0;
  #vainAtMs = NEVER;
  #committedAtMs = NEVER;

  constructor(options: CommitWaitOptions) {
    this.#options = options;
  }

  /** A call has come. Answers how long a commit may wait from now on, in ms. */
  arrived(nowMs: number, client: string): number {
    const atMs = this.#time.at(nowMs);
    this.#calls.add(atMs, "call");
    const [latestMs, beforeMs] = this.#burstsMs;
    if (atMs - latestMs >= BURST_MS) this.#burstsMs = [atMs, latestMs, beforeMs];
    this.#forgetBefore(atMs - JUDGED_MS);
    const known = this.#forget(client);
    this.#clients.set(client, { atMs, waiting: known + 1 });
    if (atMs - this.#burstsMs[2] > JUDGED_MS) return 0;
    if (this.#vain >= VAIN_MAX && atMs - this.#vainAtMs < VAIN_PAUSE_MS) return 0;
    const { group, waitMsMax } = this.#options;
    const groupMs = Math.min(waitMsMax, (group * JUDGED_MS) / this.#calls.sum(atMs, "call"));
    if (this.#answered > 0) return groupMs;
    return Math.max(0, Math.min(groupMs, this.#committedAtMs + SPACING_MS - atMs));
  }

  /** Whether calls that have come at once are company enough. */
  isGroup(calls: number): boolean {
    return calls >= this.#options.group;
  }

  /** A commit is made: whoever has waited for it is answered. */
  committed(nowMs: number): void {
    this.#committedAtMs = this.#time.at(nowMs);
  }

  /** One of the client's calls is answered: they may call again. */
  answered(client: string): void {
    const known = this.#clients.get(client);
    if (known === undefined || known.waiting === 0) return;
    const waiting = known.waiting - 1;
    if (waiting === 0) this.#answered += 1;
    this.#clients.set(client, { ...known, waiting });
  }

  /** A wait has ended that has brought so many calls. */
  ended(nowMs: number, brought: number): void {
    this.#vain = brought > 0 ? 0 : this.#vain + 1;
    this.#vainAtMs = this.#time.at(nowMs);
  }

  #forgetBefore(atMs: number): void {
    for (const [client, known] of this.#clients) {
      if (known.atMs >= atMs && this.#clients.size < CLIENTS_MAX) return;
      this.#forget(client);
    }
  }

  /** Answers how many of the client's calls wait. */
  #forget(client: string): number {
    const known = this.#clients.get(client);
    if (known === undefined) return 0;
    if (known.waiting === 0) this.#answered -= 1;
    this.#clients.delete(client);
    return known.waiting;
  }
}
