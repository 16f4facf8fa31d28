import type { TrustSnapshot } from "../../../src/contracts/identity.ts";
import { TrustCache, type TrustCacheDeps } from "../../../src/platform/trust/trust-cache.ts";
import type { TrustSeal } from "../../../src/platform/trust/trust-seal.ts";
import { TrustStore } from "../../../src/platform/trust/trust-store.ts";
import { pullRevocations } from "../../../src/identity/biz/revocation-list.ts";
import type { CallTimer } from "../../../src/platform/guard/call-timer.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { testKey } from "./ed25519.ts";

interface Kept {
  readonly text: string;
  readonly untilMs: number;
}

/** What goes wrong with the cache of a place, and how slow it and identity are. */
export interface Trouble {
  forgets: boolean;
  fails: boolean;
  hangs: boolean;
  /** What is found in place of what was put in. */
  garbage: ((url: string) => string) | null;
  cacheMs: number;
  /** Until what is put in is there. */
  putMs: number;
  /** How much longer than its life an entry stays: a cache counts in whole seconds. */
  overtimeMs: number;
  /** An answer of identity's was read this long before it arrives. */
  pullMs: number;
  identityFails: boolean;
}

/** Seals without cryptography, whose threads know nothing of turned time. */
export const plainSeal: TrustSeal = {
  seal: async (name, text) => `sealed ${name} ${text}`,
  open: async (name, sealed) =>
    sealed.startsWith(`sealed ${name} `) ? sealed.slice(`sealed ${name} `.length) : null,
};

const REQUEST = { url: "https://api.example.com/v1/history?limit=5" };

/**
 * A place of the platform: isolates of the gateway, the cache that they share, and an identity that
 * keeps the list of revoked sessions by its real rule. Time is turned by the test.
 */
export async function trustPlace(trouble: Partial<Trouble> = {}) {
  const clock = new VirtualTime();
  const { publicJwk } = await testKey("identity-1");
  const now: Trouble = {
    forgets: false,
    fails: false,
    hangs: false,
    garbage: null,
    cacheMs: 1,
    putMs: 5,
    overtimeMs: 0,
    pullMs: 80,
    identityFails: false,
    ...trouble,
  };
  const identity = memoryIdentity(clock, now, [publicJwk]);
  const entries = new Map<string, Kept>();
  const random = mulberry32(1);
  const open = async () => memoryCache(clock, now, entries);
  const isolate = () => trustIsolate(clock, { open, seal: plainSeal }, identity.pull, random);
  /** Lets `ms` pass step by step, with whatever becomes due in between. */
  const pass = async (ms: number): Promise<void> => {
    const untilMs = clock.now() + ms;
    await settled();
    for (let run = clock.next(untilMs); run !== null; run = clock.next(untilMs)) {
      await run();
      await settled();
    }
    await clock.runUntil(untilMs);
  };
  return { clock, trouble: now, identity, entries, isolate, pass };
}

function memoryIdentity(clock: VirtualTime, trouble: Trouble, keys: TrustSnapshot["keys"]) {
  const log: { readonly sessionId: string; readonly revokedAtMs: number }[] = [];
  const asked: number[] = [];
  const revoke = (sessionId: string): void => {
    const revokedAtMs = Math.max(clock.now(), (log.at(-1)?.revokedAtMs ?? 0) + 1);
    log.push({ sessionId, revokedAtMs });
  };
  const store = {
    revokedSince: async (sinceMs: number, limit: number) =>
      log.filter(({ revokedAtMs }) => revokedAtMs >= sinceMs).slice(0, limit),
  };
  const pull = async (sinceMs: number): Promise<TrustSnapshot> => {
    asked.push(sinceMs);
    if (trouble.identityFails) throw new Error("identity is away");
    const answer = { keys: pulled.keys, ...(await pullRevocations(store, clock.now, sinceMs)) };
    await clock.sleep(trouble.pullMs);
    return answer;
  };
  const pulled = { keys, log, asked, revoke, pull };
  return pulled;
}

function memoryCache(
  clock: VirtualTime,
  trouble: Trouble,
  entries: Map<string, Kept>,
): Pick<Cache, "match" | "put"> {
  const answering = async (ms: number): Promise<void> => {
    if (trouble.fails) throw new Error("the cache is away");
    await (trouble.hangs ? new Promise<void>(() => undefined) : clock.sleep(ms));
  };
  return {
    async match(url) {
      await answering(trouble.cacheMs);
      const kept = entries.get(String(url));
      if (kept === undefined || kept.untilMs <= clock.now()) return undefined;
      return new Response(trouble.garbage?.(String(url)) ?? kept.text);
    },
    async put(url, response) {
      const lifeMs = Number(/^max-age=(\d+)$/.exec(response.headers.get("cache-control") ?? "")?.[1]) * 1_000;
      const text = await response.text();
      await answering(trouble.putMs);
      if (!trouble.forgets)
        entries.set(String(url), { text, untilMs: clock.now() + lifeMs + trouble.overtimeMs });
    },
  };
}

function trustIsolate(
  clock: VirtualTime,
  cache: Pick<TrustCacheDeps, "open" | "seal">,
  pull: (sinceMs: number) => Promise<TrustSnapshot>,
  random: () => number,
) {
  const timer: CallTimer = {
    withTimeout: (answer, limitMs) =>
      new Promise((resolve, reject) => {
        clock.after(limitMs, () => reject(new Error("late")));
        answer.then(resolve, reject);
      }),
  };
  const background = (work: Promise<void>): void => void work;
  const trust = new TrustStore({
    pull,
    shared: { cache: new TrustCache({ ...cache, timer, now: clock.now }), background, random },
    now: clock.now,
    sleep: clock.sleep,
    onFailure: () => undefined,
  });
  /** A request of this moment; a promise where it would wait. */
  const look = (): Promise<void> | undefined => trust.ensureFresh(background, REQUEST);
  return { trust, look };
}

/** Until nothing goes on that needs no time. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
