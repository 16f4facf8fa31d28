import { BbrLimiter } from "../../src/resilience/overload/bbr-limiter.ts";
import { RetryBudget } from "../../src/resilience/retry/retry-budget.ts";
import type { Comparison } from "./comparison.ts";
import type { Candidate } from "./interleaved.ts";

/** An upstream that takes 10 ms, and 10 calls a ms: 100 are in flight all the time. */
const RT_MS = 10;
const CALLS_PER_MS = 10;
const IN_FLIGHT = RT_MS * CALLS_PER_MS;
/** A retry is taken out of the budget for one request in ten: half of what it allows. */
const RETRIES_EVERY = 10;

export const LOAD_COMPARISONS: readonly Comparison[] = [
  {
    title: "overload limiter and retry budget (turned clock)",
    note: "no counterparts: cockatiel's bulkhead and opossum's capacity are fixed numbers, and neither has a budget for retries.",
    candidates: () => [
      inFlight("bbr limiter, 1 in flight: admitted and done", 1),
      inFlight(`bbr limiter, ${IN_FLIGHT} in flight, above its floor: admitted and done`, IN_FLIGHT),
      retryBudget(),
    ],
  },
];

function inFlight(name: string, count: number): Candidate {
  const limiter = new BbrLimiter();
  const startMs = Date.now();
  let made = 0;
  for (let call = 1; call < count; call += 1) limiter.admit(startMs, "critical_plus");
  return {
    name,
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1) {
        made += 1;
        const nowMs = startMs + made / CALLS_PER_MS;
        if (!limiter.admit(nowMs, "critical")) continue;
        limiter.done(nowMs, nowMs - RT_MS, "success");
        decided += 1;
      }
      return decided;
    },
  };
}

function retryBudget(): Candidate {
  const budget = new RetryBudget();
  const startMs = Date.now();
  let made = 0;
  return {
    name: `retry budget: a request, one in ${RETRIES_EVERY} tried again`,
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1) {
        made += 1;
        const nowMs = startMs + made / CALLS_PER_MS;
        budget.request(nowMs);
        if (made % RETRIES_EVERY !== 0 || budget.tryWithdraw(nowMs)) decided += 1;
      }
      return decided;
    },
  };
}
