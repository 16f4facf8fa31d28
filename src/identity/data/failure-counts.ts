import type { PolicyAsk, RateWindowRpc } from "../../contracts/durable.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import { ENDLESS } from "../../platform/call/patience.ts";
import { currentPatience } from "../../platform/call/current-patience.ts";
import { BoundedCache } from "../../resilience/bounded-cache.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { RateAnswer, RateAsk, RateLimit } from "../../resilience/quota/rate-limit.ts";
import type { FailureCount, FailureCounts } from "../biz/ports.ts";

interface FailureCountsDeps {
  readonly windowOf: (name: string) => RateWindowRpc;
  readonly guard: Guard;
  /** Multiplies all limits: the var `RATE_LIMIT_SCALE`. */
  readonly scale: number;
  readonly now: Clock;
  /** Takes work that no answer waits for. */
  readonly background: (work: Promise<unknown>) => void;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const FAILURES_PER_ADDRESS: RateLimit = { limit: 5, windowMs: MINUTE_MS };
const FAILURES_PER_EMAIL: RateLimit = { limit: 100, windowMs: HOUR_MS };
const FAILURES_PER_DEVICE: RateLimit = { limit: 10, windowMs: HOUR_MS };
const FAILURES_PER_SESSION: RateLimit = { limit: 10, windowMs: HOUR_MS };

/**
 * Denials an isolate remembers, and for how long: of a longer one it makes sure now and then, since
 * what others had counted may have been given back.
 */
const DENIALS_MAX = 10_000;
const REMEMBERED_MS_MAX = 10_000;

/** Limits of one window that are asked together: all of them have room, or none is counted. */
interface Counter {
  readonly window: string;
  readonly limits: readonly (RateLimit & { readonly policy: string })[];
}

/**
 * Counts wrong passwords in `RateWindow` objects. The e-mail's is known to it by its hash only. A
 * count that can't be given back at once is tried again beside the answers; if it is lost, it
 * counts as an attempt until its window has passed. In an outage of the windows no more can be lost
 * than have places in the lane: later ones aren't counted at all.
 */
export function failureCounts(deps: FailureCountsDeps): FailureCounts {
  const denials = new BoundedCache<number>({ entriesMax: DENIALS_MAX, now: deps.now });
  const scaled = ({ limit, windowMs }: RateLimit): RateLimit => ({
    limit: Math.max(1, Math.round(limit * deps.scale)),
    windowMs,
  });
  const [perAddress, perEmail] = [scaled(FAILURES_PER_ADDRESS), scaled(FAILURES_PER_EMAIL)];
  const [perDevice, perSession] = [scaled(FAILURES_PER_DEVICE), scaled(FAILURES_PER_SESSION)];

  return {
    async ofLogin({ email, clientAddress, device }) {
      const stranger: Counter = {
        window: `login:${await hashOf(email)}`,
        limits: [
          { policy: `failures from ${clientAddress}`, ...perAddress },
          { policy: "failures", ...perEmail },
        ],
      };
      if (device === null) return failureCount(deps, denials, [stranger]);
      const known: Counter = {
        window: `device:${device.userId}:${device.deviceId}`,
        limits: [{ policy: "failures", ...perDevice }],
      };
      return failureCount(deps, denials, [known, stranger]);
    },

    ofSession: (sessionId) =>
      failureCount(deps, denials, [
        { window: `session:${sessionId}`, limits: [{ policy: "failures", ...perSession }] },
      ]),
  };
}

/** The first of the counters that has room counts. */
function failureCount(
  deps: FailureCountsDeps,
  denials: BoundedCache<number>,
  counters: readonly Counter[],
): FailureCount {
  const { now, guard, windowOf, background } = deps;

  /** How long a counter is known to deny, in ms; 0 where that is not known. */
  function knownWaitMs({ window, limits }: Counter): number {
    const nowMs = now();
    return Math.max(0, ...[window, keyOf(window, limits)].map((key) => (denials.get(key) ?? nowMs) - nowMs));
  }

  function remember({ window, limits }: Counter, retryAfterMs: number): void {
    const nowMs = now();
    // A wait that is longer than the shorter of two windows is that of the longer one, and every
    // address is refused.
    const isOfAll = limits.length > 1 && retryAfterMs > Math.min(...limits.map(({ windowMs }) => windowMs));
    denials.set(
      isOfAll ? window : keyOf(window, limits),
      nowMs + retryAfterMs,
      nowMs + Math.min(retryAfterMs, REMEMBERED_MS_MAX),
    );
  }

  async function take(counter: Counter): Promise<number> {
    const plan = { kind: "write", idempotent: false, part: counter.window, ...currentPatience() } as const;
    const asks = asksOf(counter, { kind: "take", cost: 1 });
    const asked: Promise<readonly (RateAnswer | null)[]>[] = [];
    const ask = async (): Promise<readonly (RateAnswer | null)[]> => {
      const answer = windowOf(counter.window).ask(asks);
      asked.push(answer);
      return answer;
    };
    const [answer] = await guard.call("count a password", plan, ask).catch((error: unknown) => {
      for (const late of asked) background(giveBackLate(counter, late));
      throw error;
    });
    if (answer === undefined || answer === null)
      throw new CodedError("UNAVAILABLE", "The window gave no answer");
    if (answer.allowed) return 0;
    remember(counter, answer.retryAfterMs);
    return answer.retryAfterMs;
  }

  /**
   * Gives back a count whose answer came too late for a look. Only when that answer comes, and
   * once: the caller has not shown that they know the password, and to give back what was denied,
   * or one count twice, would allow one more guess.
   */
  async function giveBackLate(
    counter: Counter,
    late: Promise<readonly (RateAnswer | null)[]>,
  ): Promise<void> {
    const [answer] = await late.catch(() => []);
    if (answer?.allowed !== true) return;
    const plan = { kind: "write", idempotent: false, part: counter.window, ...ENDLESS } as const;
    const ask = () => windowOf(counter.window).ask(asksOf(counter, { kind: "give_back", cost: 1 }));
    await guard.call("give a late count back", plan, ask).catch(() => undefined);
  }

  return {
    refuseKnown() {
      const waitMs = Math.min(...counters.map(knownWaitMs));
      if (waitMs > 0) throw tooMany(waitMs);
    },

    async begin() {
      let waitMs = Number.POSITIVE_INFINITY;
      for (const counter of counters) {
        const deniedMs = knownWaitMs(counter) || (await take(counter));
        if (deniedMs === 0) return { giveBack: () => giveBack(deps, counter) };
        waitMs = Math.min(waitMs, deniedMs);
      }
      throw tooMany(waitMs);
    },
  };
}

async function giveBack({ guard, windowOf, background }: FailureCountsDeps, counter: Counter): Promise<void> {
  const ask = () => windowOf(counter.window).ask(asksOf(counter, { kind: "give_back", cost: 1 }));
  try {
    await guard.call(
      "give a password back",
      { kind: "write", idempotent: false, part: counter.window, ...currentPatience() },
      ask,
    );
  } catch {
    // Twice, where the first was only not heard of, would give one more back: only who knows the
    // password can have that happen.
    background(
      guard
        .call(
          "give a password back",
          { kind: "write", idempotent: true, part: counter.window, ...ENDLESS },
          ask,
        )
        .catch(() => undefined),
    );
  }
}

function asksOf({ limits }: Counter, ask: RateAsk): readonly PolicyAsk[] {
  return limits.map((limit) => ({ ...limit, ask }));
}

function keyOf(window: string, [first]: Counter["limits"]): string {
  return `${window} ${first?.policy ?? ""}`;
}

function tooMany(retryAfterMs: number): CodedError {
  return new CodedError("RATE_LIMITED", "Too many wrong passwords: see Retry-After", { retryAfterMs });
}

async function hashOf(email: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(email)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
