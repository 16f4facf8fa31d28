import { CLOCK_SKEW_MS, SESSION_TTL_MS } from "../../../src/identity/biz/lifetimes.ts";
import { AGE_MS_MAX, LEEWAY_MS } from "./refresh-world.ts";

const WINDOW_MS = 60_000;

/** What a presented token must come to; `next` is the number of the token that is answered. */
export type Verdict =
  | { readonly kind: "traded" | "again" | "unknown successor"; readonly next: number }
  | { readonly kind: "reused" | "too often" | "over" };

/** Who presents a token, and what that isolate knows. */
export interface Presenter {
  readonly knows: readonly string[];
  readonly nowMs: number;
}

interface PaperFamilyOptions {
  readonly nowMs: number;
  readonly limit: number;
  /** The secret that has made the first token; null if a release before has. */
  readonly secret: string | null;
}

/**
 * A session on paper: the numbers of its tokens, the secret each was made with, and what it does
 * with one that is presented. It takes one after the other, as the database does.
 */
export class PaperFamily {
  /** By a token's number, the secret that made it. */
  readonly secrets: (string | null)[];
  readonly #limit: number;
  readonly #openedAtMs: number;
  readonly #tradedAtMs: number[] = [];
  #expiresAtMs: number;
  #newestAtMs = Number.NEGATIVE_INFINITY;
  hasEnded = false;

  constructor({ nowMs, limit, secret }: PaperFamilyOptions) {
    this.secrets = [secret];
    this.#limit = limit;
    this.#openedAtMs = nowMs;
    this.#expiresAtMs = nowMs + SESSION_TTL_MS;
  }

  get newest(): number {
    return this.secrets.length - 1;
  }

  /** @param databaseMs - what the database's clock says */
  present(number: number, { knows, nowMs }: Presenter, databaseMs: number): Verdict {
    const inLeeway = databaseMs - this.#newestAtMs < LEEWAY_MS;
    const isRetry = number === this.newest - 1 && inLeeway;
    if (number < this.newest && !isRetry) {
      this.hasEnded = true;
      return { kind: "reused" };
    }
    const endsAtMs = Math.min(this.#expiresAtMs, this.#openedAtMs + AGE_MS_MAX);
    if (this.hasEnded || nowMs >= endsAtMs) return { kind: "over" };
    if (isRetry) {
      const canTell = knows.includes(this.secrets[this.newest] ?? "");
      return { kind: canTell ? "again" : "unknown successor", next: this.newest };
    }
    const limitingMs = this.#tradedAtMs.at(-this.#limit) ?? Number.NEGATIVE_INFINITY;
    const isTooOften = limitingMs <= nowMs && limitingMs > nowMs - WINDOW_MS;
    if (isTooOften && this.secrets[number] !== null) return { kind: "too often" };
    // What no clock counts any more is forgotten.
    if ((this.#tradedAtMs.at(-1) ?? 0) < nowMs - WINDOW_MS - CLOCK_SKEW_MS) this.#tradedAtMs.length = 0;
    this.#tradedAtMs.push(nowMs);
    this.#newestAtMs = databaseMs;
    this.#expiresAtMs = Math.min(nowMs + SESSION_TTL_MS, this.#openedAtMs + AGE_MS_MAX);
    this.secrets.push(knows[0] ?? "");
    return { kind: "traded", next: this.newest };
  }
}
