import { expect, it } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { breakerRecoveryTable } from "./resilience/breaker-recovery.ts";
import { breakerCostTable, breakerCrowdTable } from "./resilience/crowd-tables.ts";
import { overloadTable } from "./resilience/overload-sim.ts";
import { quietQuotasTable } from "./resilience/quiet-quotas.ts";
import { rateAccuracyTable } from "./resilience/rate-accuracy.ts";

const HEAD = `# Figures of the simulations

Written by \`npx vitest run --project unit test/sim/figures.test.ts -u\`, in virtual time from fixed
seeds; the same test fails when they no longer hold.
`;

const QUIET_HEAD = `The mode \`async\` where an isolate tells nobody of a twentieth of the limit within a window. Promised
is what the limit and the share of each isolate make together.
`;

const OVERLOAD_HEAD = `Goodput in shares of the capacity, and the median of what was answered in multiples of the unloaded
time, for clients that wait a second. Each limiter of \`OVERLOAD_LIMITER\` is the only protection of
an upstream that does a limited number of things at once.
`;

const CROWD_HEAD = `One breaker object and the isolates that report to it. All start within a call's time; 130 s later
their upstream dies for all of them at once, and is back after 80 s. Reports: those of the worst
second (any 1,000 ms), the start included. Failing fast: the isolate has refused a call; those that
live for five minutes are replaced by others that know nothing yet, so it is hardly ever 99 %.
Leak: share of the calls that reached the dead upstream. An isolate with half a call a second never
finds out alone, and one that is all there is finds out nothing from so few.
`;

const COST_HEAD = `While all is well, half a call a second from each isolate; each report is a billed request to an
object. Before: the object did not say how soon to report again, and each isolate did so every
second.
`;

/** The document is what the simulations print, word by word. */
it("docs/design/resilience-figures.md says what the simulations find", { timeout: 300_000 }, async () => {
  const document = [
    HEAD,
    "## Rate limits\n",
    rateAccuracyTable().trim(),
    "\n## Quiet quotas\n",
    QUIET_HEAD,
    quietQuotasTable().trim(),
    "\n## Recovery of breakers\n",
    breakerRecoveryTable().trim(),
    "\n## Breakers with thousands of isolates\n",
    CROWD_HEAD,
    breakerCrowdTable().trim(),
    "\n### What their reports cost\n",
    COST_HEAD,
    breakerCostTable().trim(),
    "\n## Overload\n",
    OVERLOAD_HEAD,
    overloadTable().trim(),
    "",
  ].join("\n");
  await expect(document).toMatchFileSnapshot(`${PROJECT_ROOT}docs/design/resilience-figures.md`);
});
