import type { CallTimer } from "../guard/call-timer.ts";
import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import { readPage, writePage, type TrustPage } from "./trust-page.ts";
import type { TrustSeal } from "./trust-seal.ts";

export interface TrustCacheDeps {
  /** Opens the cache that the gateways of one place share. */
  readonly open: () => Promise<Pick<Cache, "match" | "put">>;
  readonly seal: TrustSeal;
  readonly timer: CallTimer;
  readonly now: Clock;
}

/** The named cache: apart from the one that a `fetch` reads, so that no request reaches into it. */
export const TRUST_CACHE_NAME = "playhead-trust";
/** How long a page may be taken. An isolate that takes one counts all of it as gone by. */
export const SHARED_LIFE_MS = 3_000;
/** While somebody asks identity, the others of the place leave it to them. */
const CLAIM_LIFE_MS = 1_000;
/** A cache that hangs is none: to look must cost less than the answer it saves. */
const LOOK_TIMEOUT_MS = 50;
/** Nobody waits for what is put in. */
const KEEP_TIMEOUT_MS = 500;
/** After a failure, and where nothing stays that is put in, it is left alone for so long. */
const FAILURE_REST_MS = 10_000;
const USELESS_REST_MS = 60_000;
/** Beyond what the largest page has. */
const SEALED_LENGTH_MAX = 200_000;
const TEXT = { "content-type": "text/plain" } as const;

/** What is shared by those who are reached under one host. */
export interface SharedTrust {
  /** The page that begins at `sinceMs`, at most {@link SHARED_LIFE_MS} after it was put in. */
  page(sinceMs: number): Promise<TrustPage | null>;
  /** Whether it is up to the caller to ask identity: nobody else has just begun to. */
  claim(): Promise<boolean>;
  /** Puts a page in, and looks whether it has stayed. */
  keep(sinceMs: number, page: TrustPage): Promise<void>;
}

/**
 * Pages of trust that the isolates of one place share, so that one of them asks identity for all.
 * It holds public keys and the ids of revoked sessions, and no secret. Whatever goes wrong with it,
 * it has no page, and identity is asked as if there were no cache.
 */
export class TrustCache {
  readonly #deps: TrustCacheDeps;
  readonly #time = new SteadyTime(USELESS_REST_MS);
  #restUntilMs = 0;

  constructor(deps: TrustCacheDeps) {
    this.#deps = deps;
  }

  /** Null while it is left alone: it has failed of late, or forgotten what was put in. */
  at(host: string): SharedTrust | null {
    if (this.#nowMs() < this.#restUntilMs) return null;
    const { seal } = this.#deps;
    return {
      page: async (sinceMs) => {
        const url = urlOf(host, `${sinceMs}`);
        const sealed = await this.#try((cache) => read(cache, url));
        if (typeof sealed !== "string" || sealed.length > SEALED_LENGTH_MAX) return null;
        const text = await seal.open(url, sealed);
        return text === null ? null : readPage(text);
      },
      claim: async () => {
        const url = urlOf(host, "claim");
        if (typeof (await this.#try((cache) => read(cache, url))) === "string") return false;
        await this.#try((cache) => cache.put(url, lasting("claimed", CLAIM_LIFE_MS)));
        return true;
      },
      keep: async (sinceMs, page) => {
        const url = urlOf(host, `${sinceMs}`);
        const hasStayed = await this.#try(async (cache) => {
          await cache.put(url, lasting(await seal.seal(url, writePage(page)), SHARED_LIFE_MS));
          return (await read(cache, url)) !== null;
        }, KEEP_TIMEOUT_MS);
        if (hasStayed === false) this.#rest(USELESS_REST_MS);
      },
    };
  }

  /** What the cache says; undefined where it fails or is late. */
  async #try<T>(
    ask: (cache: Pick<Cache, "match" | "put">) => Promise<T>,
    timeoutMs = LOOK_TIMEOUT_MS,
  ): Promise<T | undefined> {
    const asked = (async () => ask(await this.#deps.open()))();
    try {
      return await this.#deps.timer.withTimeout(asked, timeoutMs);
    } catch {
      this.#rest(FAILURE_REST_MS);
      return undefined;
    }
  }

  #rest(ms: number): void {
    this.#restUntilMs = this.#nowMs() + ms;
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }
}

/**
 * Under the gateway's own host, as the platform asks for, and by the scheme that it is reached by
 * in production. No route has such a path: a client that asks for it gets 404.
 */
function urlOf(host: string, name: string): string {
  return `https://${host}/.trust/${name}`;
}

async function read(cache: Pick<Cache, "match">, url: string): Promise<string | null> {
  const found = await cache.match(url);
  if (found === undefined) return null;
  if (found.status === 200) return found.text();
  await found.body?.cancel();
  return null;
}

function lasting(body: string, lifeMs: number): Response {
  return new Response(body, { headers: { ...TEXT, "cache-control": `max-age=${lifeMs / 1_000}` } });
}
