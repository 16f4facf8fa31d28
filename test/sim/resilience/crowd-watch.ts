export interface CrowdFindings {
  /** Reports in the worst second (any 1,000 ms) before the upstream died, and from then on. */
  readonly worstWhileWell: number;
  readonly worstSince: number;
  /** Reports and calls in the last minute before it died. */
  readonly quietReports: number;
  readonly quietCalls: number;
  /** From the death until the object opened; null if it never did. */
  readonly openedAfterMs: number | null;
  /** How often it opened. */
  readonly openings: number;
  /** From the death until 99 % of the isolates there are have refused a call. */
  readonly failFastAfterMs: number | null;
  /** From the repair until 99 % of them let calls through again, not only trials. */
  readonly backAfterMs: number | null;
  /** Share of the calls to the dead upstream that reached it. */
  readonly leakedShare: number;
}

const SECOND_MS = 1_000;
const QUIET_MS = 60_000;
const NEARLY_ALL = 0.99;

/** What an isolate was last seen to do that shows what it knows. */
export type SeenDoing = "refusing" | "back" | null;

interface SeenCall {
  readonly kind: "admitted" | "trial" | "rejected";
  readonly isDead: boolean;
  /** What its isolate was seen doing before. */
  readonly before: SeenDoing;
}

/** Looks on while isolates call and report: counts, and notes when nearly all do the same. */
export class CrowdWatch {
  readonly #diesAtMs: number;
  readonly #repairedAtMs: number;
  /** Reports of the last second. */
  readonly #reportedAtMs: number[] = [];
  #oldest = 0;
  readonly #worst = { whileWell: 0, since: 0 };
  #quietReports = 0;
  #quietCalls = 0;
  #alive = 0;
  readonly #seen = { refusing: 0, back: 0 };
  #isOpen = false;
  #openings = 0;
  #openedAfterMs: number | null = null;
  #failFastAfterMs: number | null = null;
  #backAfterMs: number | null = null;
  #toDead = 0;
  #leaked = 0;

  constructor({ diesAtMs, repairedAtMs }: { readonly diesAtMs: number; readonly repairedAtMs: number }) {
    this.#diesAtMs = diesAtMs;
    this.#repairedAtMs = repairedAtMs;
  }

  born(): void {
    this.#alive += 1;
  }

  gone(seen: SeenDoing): void {
    this.#alive -= 1;
    if (seen !== null) this.#seen[seen] -= 1;
  }

  reported(atMs: number): void {
    this.#reportedAtMs.push(atMs);
    while ((this.#reportedAtMs[this.#oldest] ?? atMs) <= atMs - SECOND_MS) this.#oldest += 1;
    const inSecond = this.#reportedAtMs.length - this.#oldest;
    const phase = atMs < this.#diesAtMs ? "whileWell" : "since";
    this.#worst[phase] = Math.max(this.#worst[phase], inSecond);
    if (this.#isQuiet(atMs)) this.#quietReports += 1;
  }

  state(atMs: number, state: "closed" | "open"): void {
    const opens = state === "open" && !this.#isOpen;
    this.#isOpen = state === "open";
    if (!opens) return;
    this.#openings += 1;
    this.#openedAfterMs ??= atMs - this.#diesAtMs;
  }

  /** Answers what its isolate has now been seen doing. */
  called(atMs: number, { kind, isDead, before }: SeenCall): SeenDoing {
    if (this.#isQuiet(atMs)) this.#quietCalls += 1;
    if (isDead) this.#toDead += 1;
    if (isDead && kind !== "rejected") this.#leaked += 1;
    const now = this.#doing(atMs, kind) ?? before;
    if (now === before) return now;
    if (before !== null) this.#seen[before] -= 1;
    if (now !== null) this.#seen[now] += 1;
    if (now === "refusing" && this.#seen.refusing >= NEARLY_ALL * this.#alive)
      this.#failFastAfterMs ??= atMs - this.#diesAtMs;
    if (now === "back" && this.#seen.back >= NEARLY_ALL * this.#alive)
      this.#backAfterMs ??= atMs - this.#repairedAtMs;
    return now;
  }

  findings(): CrowdFindings {
    return {
      worstWhileWell: this.#worst.whileWell,
      worstSince: this.#worst.since,
      quietReports: this.#quietReports,
      quietCalls: this.#quietCalls,
      openedAfterMs: this.#openedAfterMs,
      openings: this.#openings,
      failFastAfterMs: this.#failFastAfterMs,
      backAfterMs: this.#backAfterMs,
      leakedShare: this.#leaked / this.#toDead,
    };
  }

  #doing(atMs: number, kind: SeenCall["kind"]): SeenDoing {
    if (atMs >= this.#repairedAtMs) return kind === "admitted" ? "back" : null;
    return atMs >= this.#diesAtMs && kind === "rejected" ? "refusing" : null;
  }

  #isQuiet(atMs: number): boolean {
    return atMs >= this.#diesAtMs - QUIET_MS && atMs < this.#diesAtMs;
  }
}
