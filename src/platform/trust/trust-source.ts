import type { TrustSnapshot } from "../../contracts/identity.ts";
import { CALL_TIMEOUT_MS } from "../guard/call-timeouts.ts";
import type { TrustCache } from "./trust-cache.ts";
import { pageOf, type TrustPage } from "./trust-page.ts";

export interface TrustSourceDeps {
  /** Asks identity for keys and for sessions revoked since. */
  readonly pull: (sinceMs: number) => Promise<TrustSnapshot>;
  readonly sleep: (ms: number) => Promise<void>;
  /** What the gateways of one place share; without it each asks identity for itself. */
  readonly shared?: {
    readonly cache: TrustCache;
    /** Takes work that nobody waits for. */
    readonly background: (work: Promise<void>) => void;
    /** In [0, 1). */
    readonly random: () => number;
  };
}

export interface Reading {
  /** Up to where the list is known, in identity's time; 0 where nothing is. */
  readonly knownMs: number;
  /** Under which host the worker was reached; null where that isn't known. */
  readonly host: string | null;
  /** Whether to leave the question to another isolate of this place that has just begun to ask. */
  readonly mayLeaveIt?: boolean;
  /** Whether only identity's own answer will do: another's may be older than what is looked for. */
  readonly mustAsk?: boolean;
  /** Hears that a page is asked for. */
  readonly onPage: () => void;
  /**
   * Takes a page, and up to where the list is known with it. `number` says which of the questions
   * to identity it answers; it is null where another isolate had asked.
   */
  readonly take: (page: TrustPage, knownMs: number, number: number | null) => void;
}

/** How a reading ended; `half`: not all there is was read yet. */
export type ReadingOutcome = "asked" | "shared" | "half" | "left to another";

/**
 * A pull that takes longer is given up by those who wait for it. Longer than the guard waits for
 * identity: it must see for itself that there is no answer.
 */
export const PULL_TIMEOUT_MS = CALL_TIMEOUT_MS.trustPull;
/**
 * What one request asks for at most. Where that was not all, the list goes on being read beside it,
 * and counts as unread until its end.
 */
const PAGES_PER_PULL_MAX = 20;
/** Pages begin at multiples of this, so that isolates which have read equally far share them. */
const SLOT_MS = 10_000;

/** Where trust comes from: what another isolate of this place has just heard, or identity. */
export class TrustSource {
  readonly #deps: TrustSourceDeps;
  #asked = 0;

  constructor(deps: TrustSourceDeps) {
    this.#deps = deps;
  }

  /** How many questions identity was asked. */
  get asked(): number {
    return this.#asked;
  }

  /**
   * Reads the list to its end, or as far as one pull goes. What is shared is read from its
   * beginning, which is all of it unless it is very long, then on from the slot in which one had
   * read up to; what isn't, from there.
   */
  async read({ knownMs, host, mayLeaveIt, mustAsk, onPage, take }: Reading): Promise<ReadingOutcome> {
    const { shared: sharing, pull } = this.#deps;
    const shared = host === null ? null : (sharing?.cache.at(host) ?? null);
    let fromMs = shared === null ? knownMs : 0;
    let outcome: ReadingOutcome = "asked";
    for (let count = 0; count < PAGES_PER_PULL_MAX; count += 1) {
      onPage();
      let page = mustAsk === true || shared === null ? null : await shared.page(fromMs);
      let number: number | null = null;
      if (page !== null) {
        outcome = "shared";
      } else {
        if (mayLeaveIt === true && count === 0 && shared !== null && !(await shared.claim()))
          return "left to another";
        number = this.#asked += 1;
        page = pageOf(await this.#withTimeout(pull(fromMs)));
        if (shared !== null) sharing?.background(shared.keep(fromMs, page));
      }
      take(page, page.more ? Math.max(page.nextSinceMs, knownMs) : page.nextSinceMs, number);
      if (!page.more) return outcome;
      fromMs = Math.max(page.nextSinceMs, knownMs - (knownMs % SLOT_MS));
    }
    return "half";
  }

  /**
   * An identity that hangs is treated as one that fails: the waiting request has a deadline to
   * keep.
   */
  async #withTimeout(pull: Promise<TrustSnapshot>): Promise<TrustSnapshot> {
    const late = this.#deps.sleep(PULL_TIMEOUT_MS).then(() => null);
    const snapshot = await Promise.race([pull, late]);
    if (snapshot === null) throw new Error(`identity gave no answer within ${PULL_TIMEOUT_MS} ms`);
    return snapshot;
  }
}
