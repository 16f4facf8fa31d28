import type { ClientQuota, QuotaMode } from "../../../src/resilience/quota/client-quota.ts";
import { createClientQuota } from "../../../src/resilience/quota/create-client-quota.ts";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import type { RateAnswer, RateAsk, RateLimit } from "../../../src/resilience/quota/rate-limit.ts";
import { answerAsk } from "../../../src/resilience/quota/rate-server.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

/*
 * A client's requests come all at once, to a server that nobody has asked before: answers overtake
 * each other, some requests come when the first answers are there and the others are not, and some
 * questions are answered too late for those who asked.
 */

export interface RateBurst {
  readonly mode: QuotaMode;
  readonly limit: RateLimit;
  readonly isolates: number;
  readonly requests: number;
  /** The requests come within so many ms. */
  readonly withinMs: number;
  /** Share of the questions whose answer comes too late. */
  readonly lateShare: number;
  /** The part of the limit that an isolate of the mode `async` tells nobody of. 0 if absent. */
  readonly quietShare?: number;
}

interface BurstOutcome {
  readonly admitted: number;
  /** Questions to the server, those in the background included. */
  readonly asks: number;
}

const START_MS = 1_800_000_000_000;
const RTT_MS_MIN = 2;
const RTT_MS_MAX = 200;
const TIMEOUT_MS = 400;

/** One burst in virtual time. The same burst and seed always end the same. */
export function simulateBurst(
  { mode, limit, isolates, requests, withinMs, lateShare, quietShare = 0 }: RateBurst,
  seed: number,
): BurstOutcome {
  const random = mulberry32(seed);
  const time = new VirtualTime(START_MS + Math.floor(random() * limit.windowMs));
  const now = (): number => Math.floor(time.now());
  const quotas = Array.from({ length: isolates }, () =>
    createClientQuota(mode, limit, { onUnreachable: "open", quietShare }),
  );
  const server = quotaFor(limit);
  let [admitted, asks] = [0, 0];

  const send = (ask: RateAsk, receive: (answer: RateAnswer | null) => void): void => {
    const rttMs = RTT_MS_MIN + random() * (RTT_MS_MAX - RTT_MS_MIN);
    const isLate = random() < lateShare;
    asks += 1;
    time.after(rttMs / 2, () => {
      const answer = answerAsk(server, limit, now(), ask);
      time.after(isLate ? TIMEOUT_MS : rttMs / 2, () => receive(isLate ? null : answer));
    });
  };
  const settle = (quota: ClientQuota, isAdmitted: boolean): void => {
    if (isAdmitted) admitted += 1;
    const ask = quota.background(now());
    if (ask !== null)
      send(ask, (answer) => (answer === null ? quota.failed(now()) : quota.learned(now(), answer)));
  };
  const arrive = (): void => {
    const quota = quotas[Math.floor(random() * isolates)];
    if (quota === undefined) return;
    const decision = quota.decide(now(), 1);
    if (decision !== null) return settle(quota, decision.allowed);
    send(quota.ask(now(), 1), (answer) => {
      const outcome = answer === null ? quota.unreachable(now(), 1) : quota.answered(now(), 1, answer);
      settle(quota, outcome?.allowed === true);
    });
  };
  for (let request = 0; request < requests; request += 1) time.after(random() * withinMs, arrive);
  time.run();
  return { admitted, asks };
}
