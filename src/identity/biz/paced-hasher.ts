import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import type { PasswordHasher } from "./ports.ts";

interface PacedHasherDeps {
  readonly hasher: PasswordHasher;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

/** About as long as a hash takes. */
const REST_MS = 100;
const POLL_MS = 20;
/**
 * Longer than any hash takes: one whose request was dropped keeps the others waiting for no longer.
 */
const HASH_MS_MAX = 2_000;

/**
 * Hashes one at a time, with a rest after each. The runtime hashes on the thread that does all else
 * in the isolate: without rests a queue of passwords would be seconds in which no refresh gets its
 * turn, and whatever measures how late it is takes itself for overloaded.
 */
export function pacedHasher({ hasher, now, sleep }: PacedHasherDeps): PasswordHasher {
  const time = new SteadyTime(HASH_MS_MAX);
  let restsUntilMs = Number.NEGATIVE_INFINITY;
  const nowMs = (): number => time.at(now());

  async function paced<T>(hash: () => Promise<T>): Promise<T> {
    for (let waitMs = restsUntilMs - nowMs(); waitMs > 0; waitMs = restsUntilMs - nowMs())
      await sleep(Math.min(waitMs, POLL_MS));
    restsUntilMs = nowMs() + HASH_MS_MAX;
    try {
      return await hash();
    } finally {
      // The clock stands while a hash is made, and goes on with the next event.
      await sleep(0);
      restsUntilMs = nowMs() + REST_MS;
    }
  }

  return {
    hash: (password) => paced(() => hasher.hash(password)),
    verify: (password, encoded) => paced(() => hasher.verify(password, encoded)),
  };
}
