import type { PolicyAsk, RateWindowRpc } from "../../contracts/durable.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Guard } from "../../platform/guard.ts";
import { ENDLESS } from "../../platform/patience.ts";
import { currentPatience } from "../../platform/request-scope.ts";
import type { RateAsk } from "../../resilience/rate-limit.ts";
import type { LoginAttempts } from "../biz/ports.ts";

interface LoginAttemptsDeps {
  readonly windowOf: (name: string) => RateWindowRpc;
  readonly guard: Guard;
  /** Multiplies both limits: the var `RATE_LIMIT_SCALE`. */
  readonly scale: number;
  /** Takes work that no answer waits for. */
  readonly background: (work: Promise<unknown>) => void;
}

const FAILURES_PER_ADDRESS = { limit: 5, windowMs: 60_000 };
const FAILURES_PER_EMAIL = { limit: 100, windowMs: 3_600_000 };

/**
 * Counts failed logins in the window of their e-mail, which is known to it by its hash only. Each attempt is counted before its password is
 * looked at and given back if it was right: as many guesses at once as one likes are no more guesses.
 */
export function loginAttempts({ windowOf, guard, scale, background }: LoginAttemptsDeps): LoginAttempts {
  const scaled = ({ limit, windowMs }: { limit: number; windowMs: number }) => ({
    limit: Math.max(1, Math.round(limit * scale)),
    windowMs,
  });
  const perAddress = scaled(FAILURES_PER_ADDRESS);
  const perEmail = scaled(FAILURES_PER_EMAIL);

  return {
    async begin(email, clientAddress) {
      const name = `login:${await hashOf(email)}`;
      const asks = (ask: RateAsk): readonly PolicyAsk[] => [
        { policy: `failures from ${clientAddress}`, ...perAddress, ask },
        { policy: "failures", ...perEmail, ask },
      ];
      const plan = { kind: "write", idempotent: false, part: name, ...currentPatience() } as const;
      const [answer] = await guard.call("count a login", plan, () => windowOf(name).ask(asks({ kind: "take", cost: 1 })));
      if (answer?.allowed !== true) {
        throw new CodedError("RATE_LIMITED", "Too many failed logins: see Retry-After", { retryAfterMs: answer?.retryAfterMs ?? 60_000 });
      }
      return {
        succeeded() {
          const later = { ...plan, ...ENDLESS };
          const giveBack = guard.call("give a login back", later, () => windowOf(name).ask(asks({ kind: "give_back", cost: 1 })));
          // Lost, it costs one of the attempts that the window has, and only until the window has passed.
          background(giveBack.catch(() => undefined));
        },
      };
    },
  };
}

async function hashOf(email: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(email)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
