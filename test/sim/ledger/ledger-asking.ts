import { codeOf, ERROR_CATALOGUE, hintsOf, SPENDING_CAP_RETRY_MS } from "../../../src/contracts/errors.ts";
import { BrokenInvariant } from "../kernel/broken-invariant.ts";
import type { Kernel } from "../kernel/kernel.ts";

const RETRY_MS = 2_000;
const RETRY_GROWTH = 1.5;
const RETRY_MS_MAX = 600_000;

/** What somebody waits to be told. */
export interface Promised {
  /** Callers who still wait for an answer. */
  open: number;
}

interface Asked<T> {
  readonly ask: () => Promise<T>;
  readonly told: (answer: T) => void;
  /** Answers whether it is asked for again: what was refused may be so for now only. */
  readonly refused: (error: unknown) => "again" | undefined;
}

/** How everybody asks: until told, and what they are told is held against what others were. */
export class Asking {
  readonly #kernel: Kernel;
  /** The first thing that did not hold. */
  broken: BrokenInvariant | null = null;
  /** How often somebody was refused at the account's spending cap. */
  cappedTimes = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  async untilTold<T>(promised: Promised, { ask, told, refused }: Asked<T>): Promise<void> {
    promised.open += 1;
    for (let tries = 0; ; tries += 1) {
      let waitMs = 0;
      try {
        told(await ask());
        break;
      } catch (error) {
        if (codeOf(error) === "SPENDING_CAP") waitMs = this.#cappedFor(error);
        if (refusalOf(error) !== null && refused(error) !== "again") break;
      }
      const usualMs = Math.floor(Math.min(RETRY_MS_MAX, RETRY_MS * RETRY_GROWTH ** tries));
      const pauseMs = Math.max(usualMs, waitMs);
      await new Promise<void>((resolve) => this.#kernel.after(pauseMs, "", resolve));
    }
    promised.open -= 1;
  }

  /** How long whoever is refused at the spending cap stays away, in ms. */
  #cappedFor(error: unknown): number {
    const { retryAfterMs = 0 } = hintsOf(error);
    this.cappedTimes += 1;
    this.hold(this.#kernel.cap.beganAtMs !== null, "there is a cap where it is said");
    this.hold(retryAfterMs >= SPENDING_CAP_RETRY_MS, "nobody refused at the cap is to come back soon");
    return retryAfterMs;
  }

  hold(holds: boolean, what: string): void {
    if (!holds) this.broken ??= new BrokenInvariant(what);
  }
}

/** What an answer's error says: nothing, since it may be otherwise the next time; or its code. */
export function refusalOf(error: unknown): ReturnType<typeof codeOf> | null {
  const code = codeOf(error);
  return ERROR_CATALOGUE[code].status >= 500 ? null : code;
}

/** Whether it says that the key was used for something else. */
export function isAnotherPayload(error: unknown): boolean {
  return codeOf(error) === "INVALID" && hintsOf(error).errors?.[0]?.path === "Idempotency-Key";
}
