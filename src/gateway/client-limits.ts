import { CodedError } from "../contracts/errors.ts";
import type { RateWindowRpc } from "../contracts/durable.ts";
import type { QuotaHeaders } from "../contracts/internal-request.ts";
import type { Guard } from "../platform/guard/guard.ts";
import type { Patience } from "../platform/call/patience.ts";
import { spendingCapError } from "../platform/database/platform-errors.ts";
import type { ClientQuota } from "../resilience/quota/client-quota.ts";
import { createClientQuota } from "../resilience/quota/create-client-quota.ts";
import type { Clock } from "../resilience/clock.ts";
import { shardsFor, shareOf } from "../resilience/hash/key-shards.ts";
import type { RateAnswer, RateAsk, RateDecision, RateLimit } from "../resilience/quota/rate-limit.ts";
import { failureFields, type Logger } from "../platform/logger.ts";
import type { LimitPolicy } from "./limit-policies.ts";

export interface ClientLimitsDeps {
  /** Reaches the window of a client, or of one share of a hot one. */
  readonly windowOf: (name: string) => RateWindowRpc;
  readonly guard: Guard;
  /** Multiplies every limit: the var `RATE_LIMIT_SCALE`. */
  readonly scale: number;
  readonly now: Clock;
  readonly random: () => number;
  readonly background: (work: Promise<unknown>) => void;
  readonly logger: Logger;
}

/** What becomes of a request, and what the headers of its answer say of its client's quota. */
export type Admission = { readonly kind: "admitted"; readonly quota: QuotaHeaders } | Denial;

export interface Denial {
  readonly kind: "denied";
  readonly quota: QuotaHeaders;
  readonly retryAfterMs: number;
}

/** A policy with its limit scaled, the same object for all of its clients. */
interface ScaledPolicy {
  readonly policy: LimitPolicy;
  readonly limit: RateLimit;
  readonly shards: number;
  /** Value of `RateLimit-Policy`. */
  readonly header: string;
}

/**
 * What an isolate knows of one share of a client's quota. All but the hottest have one share, which
 * is the whole.
 */
interface KnownShare {
  readonly scaled: ScaledPolicy;
  /** Name of the object that counts it. */
  readonly window: string;
  readonly limit: RateLimit;
  readonly quota: ClientQuota;
  asking: boolean;
}

const CLIENTS_MAX = 20_000;
const LIMIT_MAX = 1_000_000;
/** What a question in the background may take, in ms. */
const BACKGROUND_MS = 1_000;

/**
 * The clients' quotas as this isolate sees them. Most requests are decided by what is known here;
 * where nothing is, the client's window is asked within the request's own time.
 */
export class ClientLimits {
  readonly #deps: ClientLimitsDeps;
  readonly #clients = new Map<string, readonly KnownShare[]>();
  readonly #scaled = new Map<string, ScaledPolicy>();

  constructor(deps: ClientLimitsDeps) {
    this.#deps = deps;
  }

  /**
   * Counts a request. Throws `UNAVAILABLE` where a closed policy can't be asked, `SPENDING_CAP`
   * where that is why.
   */
  admit(policy: LimitPolicy, client: string, patience: Patience): Admission | Promise<Admission> {
    const nowMs = this.#deps.now();
    const shares = this.#sharesOf(policy, client, nowMs);
    const first = shares.length === 1 ? 0 : Math.floor(this.#deps.random() * shares.length);
    return this.#decide(shares, first, 0, patience);
  }

  /**
   * Asks one share after the other, from a random one on: a denial counts only when all of them
   * deny.
   */
  #decide(
    shares: readonly KnownShare[],
    first: number,
    tried: number,
    patience: Patience,
  ): Admission | Promise<Admission> {
    for (let index = tried; ; index += 1) {
      const share = shares[(first + index) % shares.length];
      if (share === undefined) throw new RangeError("a client has at least one share");
      const nowMs = this.#deps.now();
      const decision = share.quota.decide(nowMs, 1);
      if (decision === null) return this.#askFirst(shares, first, index, share, patience);
      if (!decision.allowed && index + 1 < shares.length) continue;
      this.#tendInBackground(share, nowMs);
      return admissionOf(share.scaled, decision);
    }
  }

  async #askFirst(
    shares: readonly KnownShare[],
    first: number,
    index: number,
    share: KnownShare,
    patience: Patience,
  ): Promise<Admission> {
    const { now } = this.#deps;
    let decision: RateDecision | null;
    try {
      const answer = await this.#ask(share, share.quota.ask(now(), 1), patience);
      decision = share.quota.answered(now(), 1, answer);
    } catch (cause) {
      decision = share.quota.unreachable(now(), 1);
      if (decision === null) {
        // No word of a quota where it is the account that has used up its own.
        const capped = spendingCapError(cause, "check the client's quota");
        if (capped !== null) throw capped;
        throw new CodedError("UNAVAILABLE", "The client's quota cannot be checked", {
          cause,
          retryAfterMs: 1_000,
          mustNotRetry: true,
          failedBelow: true,
        });
      }
    }
    if (!decision.allowed && index + 1 < shares.length)
      return this.#decide(shares, first, index + 1, patience);
    this.#tendInBackground(share, now());
    return admissionOf(share.scaled, decision);
  }

  #sharesOf(policy: LimitPolicy, client: string, nowMs: number): readonly KnownShare[] {
    const key = `${policy.name} ${policy.mode} ${client}`;
    const known = this.#clients.get(key);
    if (known !== undefined) {
      // The order of a Map is that of insertion: whoever calls moves to its end, the front is idle
      // longest.
      this.#clients.delete(key);
      this.#clients.set(key, known);
      return known;
    }
    if (this.#clients.size >= CLIENTS_MAX) this.#forgetOldest(nowMs);
    const scaled = this.#scale(policy);
    const shares = Array.from({ length: scaled.shards }, (_, share) => {
      const limit = scaled.shards === 1 ? scaled.limit : shareOf(scaled.limit, share, scaled.shards);
      const quota = createClientQuota(policy.mode, limit, policy);
      return { scaled, window: share === 0 ? client : `${client}#${share}`, limit, quota, asking: false };
    });
    this.#clients.set(key, shares);
    return shares;
  }

  #scale(policy: LimitPolicy): ScaledPolicy {
    const key = `${policy.name} ${policy.mode}`;
    const known = this.#scaled.get(key);
    if (known !== undefined) return known;
    const limit = {
      limit: Math.min(LIMIT_MAX, Math.max(1, Math.round(policy.limit * this.#deps.scale))),
      windowMs: policy.windowMs,
    };
    const scaled = {
      policy,
      limit,
      shards: shardsFor(limit, policy.mode),
      header: `"${policy.name}";q=${limit.limit};w=${limit.windowMs / 1000}`,
    };
    this.#scaled.set(key, scaled);
    return scaled;
  }

  /** Prefetches, reports and gives back, one question at a time for each share. */
  #tendInBackground(share: KnownShare, nowMs: number): void {
    if (share.asking) return;
    const ask = share.quota.background(nowMs);
    if (ask === null) return;
    share.asking = true;
    this.#deps.background(this.#tend(share, ask));
  }

  async #tend(share: KnownShare, ask: RateAsk): Promise<void> {
    const { now, logger } = this.#deps;
    try {
      share.quota.learned(now(), await this.#ask(share, ask, { deadlineAtMs: now() + BACKGROUND_MS }));
    } catch (error) {
      share.quota.failed(now());
      logger.warn("client window not reached", {
        policy: share.scaled.policy.name,
        ...failureFields(error),
      });
    } finally {
      share.asking = false;
    }
  }

  /**
   * Asks that a request waits for and those in the background have lanes of their own. Never asked
   * twice: the first question may have been counted.
   */
  #ask(
    { scaled, window, limit }: KnownShare,
    ask: RateAsk,
    { deadlineAtMs, isHurried = false, hangUp }: Patience,
  ): Promise<RateAnswer> {
    const { guard, windowOf } = this.#deps;
    const kind = ask.kind === "take" ? "read" : "write";
    const plan = {
      kind,
      idempotent: false,
      deadlineAtMs,
      isHurried,
      part: window,
      ...(hangUp === undefined ? {} : { hangUp }),
    } as const;
    return guard.call("ask a client's window", plan, async () => {
      const [answer] = await windowOf(window).ask([{ policy: scaled.policy.name, ...limit, ask }]);
      if (answer === undefined || answer === null) throw new Error("the window gave no answer");
      return answer;
    });
  }

  #forgetOldest(nowMs: number): void {
    const [oldest] = this.#clients;
    if (oldest === undefined) return;
    const [key, shares] = oldest;
    this.#clients.delete(key);
    for (const share of shares) {
      const last = share.quota.parting(nowMs);
      if (last !== null) this.#deps.background(this.#tend(share, last));
    }
  }
}

/**
 * What a decision means to the request. What one of several shares has left is told times their
 * number. No more is left than the policy says, nor is anything longer away than its window, though
 * an estimate frees its last units a slice later.
 */
function admissionOf(
  { policy, limit, header, shards }: ScaledPolicy,
  { allowed, remaining, resetMs, retryAfterMs }: RateDecision,
): Admission {
  const r = Math.min(limit.limit, remaining * shards);
  const t = Math.ceil(Math.min(limit.windowMs, resetMs) / 1000);
  const quota = { policy: header, limit: `"${policy.name}";r=${r};t=${t}` };
  return allowed ? { kind: "admitted", quota } : { kind: "denied", quota, retryAfterMs };
}
