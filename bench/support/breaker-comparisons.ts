import { CircuitState } from "cockatiel";
import type { Breaker } from "../../src/resilience/breaker/breaker.ts";
import { RollingWindow } from "../../src/resilience/window/rolling-window.ts";
import { SreBreaker } from "../../src/resilience/breaker/sre-breaker.ts";
import type { Comparison } from "./comparison.ts";
import {
  cockatiel,
  type Guarded,
  hystrix,
  InformedBreaker,
  openCockatiel,
  opossum,
  ours,
  samplingBreaker,
  type Work,
} from "./breaker-candidates.ts";
import type { Candidate } from "./interleaved.ts";

/** As many as come in 10 s at 200 calls a second. */
const CALLS_PER_WINDOW = 2_000;
const FAILS_EVERY = 20;
const FAILURE = new Error("unavailable");

const succeeding: Work = async () => 1;

export const BREAKER_COMPARISONS: readonly Comparison[] = [
  {
    title: "a rolling window of 10 buckets: one event is counted",
    note: "cockatiel counts in SamplingBreaker.success(), with running sums. opossum's Status counts only as a listener of its breaker: see there.",
    candidates: () => [windowCounts(), windowCountsAndSums(), clockAlone(), cockatielCounts()],
  },
  {
    title: "a closed breaker, the bare decision: admitted, and a success recorded (the clock read twice)",
    note: "cockatiel and opossum have no counterpart: they decide only around a promise.",
    candidates: () => [
      bare("hystrix breaker", hystrix()),
      bare("sre breaker", new SreBreaker()),
      bare("shared breaker, with its reports", new InformedBreaker("closed")),
    ],
  },
  {
    title: "a closed breaker around an async call that resolves at once",
    candidates: () => [
      around("hystrix breaker", ours(hystrix(), succeeding)),
      around("the async call alone", { call: succeeding }),
      around("sre breaker", ours(new SreBreaker(), succeeding)),
      around("shared breaker, with its reports", ours(new InformedBreaker("closed"), succeeding)),
      around("cockatiel, SamplingBreaker", cockatiel(succeeding)),
      around("opossum, lean", opossum(succeeding, "lean")),
      around("opossum, its defaults (sets a timer)", opossum(succeeding, "defaults")),
    ],
  },
  {
    title: `a closed breaker around an async call of which one in ${FAILS_EVERY} fails, ${CALLS_PER_WINDOW} calls in its window`,
    candidates: () => [
      aroundFailures("hystrix breaker", (work) => ours(hystrix(), work)),
      aroundFailures("the async call alone", (work) => ({ call: work })),
      aroundFailures("sre breaker", (work) => ours(new SreBreaker(), work)),
      aroundFailures("shared breaker, with its reports", (work) => ours(new InformedBreaker("closed"), work)),
      aroundFailures("cockatiel, SamplingBreaker", cockatiel),
      aroundFailures("opossum, lean", (work) => opossum(work, "lean")),
      aroundFailures("opossum, its defaults (sets a timer)", (work) => opossum(work, "defaults")),
    ],
  },
  {
    title: "an open breaker, the bare decision: turned away",
    candidates: () => [
      bareOpen("hystrix breaker", tripped()),
      bareOpen("shared breaker, with its reports", new InformedBreaker("open")),
    ],
  },
  {
    title: "an open breaker around an async call: turned away with an error",
    candidates: async () => [
      turnedAway("hystrix breaker", ours(tripped(), succeeding)),
      turnedAway("shared breaker, with its reports", ours(new InformedBreaker("open"), succeeding)),
      turnedAway("cockatiel", await openCockatiel()),
      turnedAway("opossum, lean", openOpossum()),
    ],
  },
];

function tripped(): Breaker {
  const breaker = hystrix();
  breaker.trip(Date.now());
  return breaker;
}

function openOpossum(): Guarded {
  const guarded = opossum(succeeding, "lean");
  guarded.breaker.open();
  return guarded;
}

function windowCounts(): Candidate {
  const window = new RollingWindow({ windowMs: 10_000, buckets: 10, events: ["success", "failure"] });
  return {
    name: "rolling window",
    run: (calls) => {
      window.reset();
      for (let call = 0; call < calls; call += 1) window.add(Date.now(), "success");
      return window.sum(Date.now(), "success");
    },
  };
}

function windowCountsAndSums(): Candidate {
  const window = new RollingWindow({ windowMs: 10_000, buckets: 10, events: ["success", "failure"] });
  return {
    name: "rolling window, and both sums read",
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1) {
        const nowMs = Date.now();
        window.add(nowMs, "success");
        if (window.sum(nowMs, "success") > window.sum(nowMs, "failure")) decided += 1;
      }
      return decided;
    },
  };
}

function clockAlone(): Candidate {
  return {
    name: "reading the clock alone",
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1) if (Date.now() > 0) decided += 1;
      return decided;
    },
  };
}

function cockatielCounts(): Candidate {
  const sampling = samplingBreaker();
  return {
    name: "cockatiel, SamplingBreaker",
    run: (calls) => {
      for (let call = 0; call < calls; call += 1) sampling.success(CircuitState.Closed);
      return calls;
    },
  };
}

function bare(name: string, breaker: Breaker): Candidate {
  return {
    name,
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1) {
        const admission = breaker.admit(Date.now(), Math.random());
        if (admission.kind !== "admitted") continue;
        breaker.record(Date.now(), "success", admission.kind);
        decided += 1;
      }
      return decided;
    },
  };
}

function bareOpen(name: string, breaker: Breaker): Candidate {
  return {
    name,
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1)
        if (breaker.admit(Date.now(), Math.random()).kind === "rejected") decided += 1;
      return decided;
    },
  };
}

function around(name: string, { call, close }: Guarded): Candidate {
  return {
    name,
    run: async (calls) => {
      let decided = 0;
      for (let count = 0; count < calls; count += 1) decided += await call();
      return decided;
    },
    ...(close && { close }),
  };
}

/**
 * A fresh breaker for each window's worth of calls: one that is called in a closed loop would hold
 * more than any upstream is asked.
 */
function aroundFailures(name: string, guard: (work: Work) => Guarded): Candidate {
  let made = 0;
  const work: Work = async () => {
    made += 1;
    if (made % FAILS_EVERY === 0) throw FAILURE;
    return 1;
  };
  return {
    name,
    run: async (calls) => {
      let guarded = guard(work);
      let decided = 0;
      for (let count = 1; count <= calls; count += 1) {
        try {
          decided += await guarded.call();
        } catch (error) {
          if (error === FAILURE) decided += 1;
        }
        if (count % CALLS_PER_WINDOW !== 0) continue;
        guarded.close?.();
        guarded = guard(work);
      }
      guarded.close?.();
      return decided;
    },
  };
}

function turnedAway(name: string, { call, close }: Guarded): Candidate {
  return {
    name,
    run: async (calls) => {
      let decided = 0;
      for (let count = 0; count < calls; count += 1) {
        try {
          await call();
        } catch {
          decided += 1;
        }
      }
      return decided;
    },
    ...(close && { close }),
  };
}
