import { expect, it } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { breakerRecoveryTable } from "./resilience/breaker-recovery.ts";
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

/** The document is what the simulations print, word by word. */
it("docs/design/resilience-figures.md says what the simulations find", { timeout: 120_000 }, async () => {
  const document = [
    HEAD,
    "## Rate limits\n",
    rateAccuracyTable().trim(),
    "\n## Quiet quotas\n",
    QUIET_HEAD,
    quietQuotasTable().trim(),
    "\n## Recovery of breakers\n",
    breakerRecoveryTable().trim(),
    "\n## Overload\n",
    OVERLOAD_HEAD,
    overloadTable().trim(),
    "",
  ].join("\n");
  await expect(document).toMatchFileSnapshot(`${PROJECT_ROOT}docs/design/resilience-figures.md`);
});
