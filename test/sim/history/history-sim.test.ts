import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { COUNTERS } from "./history-counters.ts";
import { addCounts } from "../kernel/counts.ts";
import { FAULTS_MENDED } from "./history-known-faults.ts";
import type { Mutation } from "./history-mutation.ts";
import { MUTATIONS } from "./history-mutations.ts";
import { MUTATIONS_OF_BOUNDS } from "./history-mutations-of-bounds.ts";
import { MUTATIONS_OF_DURATIONS } from "./history-mutations-of-durations.ts";
import { simulateHistory } from "./history-sim.ts";

/** A fixed set; `npm run test:sim` takes ten thousand. */
const SEEDS = 200;
/** The seeds in which a broken guard must show. */
const MUTATION_SEEDS = 120;
/** Worlds of each trouble of its own, beside those among the seeds above. */
const FAULT_SEEDS = 4;

const HEAD = `# What the history's simulator finds

Three shards, the queue with its dead letters, two isolates of the job and two databases: the real
classes over the real SQL, in ten minutes of trouble: calls that fail, lose their reply or come
late, crashes before and after every commit and call, deploys, storage calls that throw, alarms
lost, late and twice, messages duplicated, reordered and given up, consumers that stall for minutes,
databases that are away or hang, shards' clocks five minutes wrong and clients' two hours, players,
readers, operators who flush, users who are erased. Then all heals. Every answer is checked against
a model of what the shards made durable; in the end nothing may be pending and D1 must be the model.
An object's turn is a transaction, and what leaves it waits for its commit:
\`test/sim/kernel/sim-object.ts\`. \`npm run test:sim -- --only history\` takes 10,000 seeds,
\`-- --only history --seed N\` replays one with its last steps.

Below, each guard is broken on purpose. Written by
\`npx vitest run --project unit test/sim/history/history-sim.test.ts -u\`; the same test
fails when a broken guard is no longer caught by that seed.

| broken | first seed that catches it | by |
| --- | ---: | --- |
`;
const MENDED = `
## Troubles of their own

Faults that were found in earlier code and are mended. Each is suffered by a share of the worlds
above (\`test/sim/history/history-known-faults.ts\`).

| what holds | share of worlds |
| --- | ---: |
`;

/**
 * The first seed that breaks with a guard broken on purpose, and what broke; says so where none
 * does.
 */
async function caught(mutation: Mutation): Promise<string> {
  let rewritten = 0;
  for (let seed = 1; seed <= MUTATION_SEEDS; seed += 1) {
    const { failure, counts } = await simulateHistory(seed, { mutation });
    if (failure !== null) return `${seed} | ${failure.replaceAll("|", "/")} |`;
    rewritten += counts.get("statement rewritten") ?? 0;
  }
  const rewrites = mutation.d1 !== undefined || mutation.shardSql !== undefined;
  return rewrites && rewritten === 0 ? "never | it no longer fits |" : "never | |";
}

describe("the simulated history", () => {
  it(
    `keeps every promise from ${SEEDS} seeds, and suffers everything in them`,
    { timeout: 90_000 },
    async () => {
      const sum = new Map<string, number>();
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { failure, counts } = await simulateHistory(seed);
        expect({ seed, failure }).toEqual({ seed, failure: null });
        addCounts(sum, counts);
      }
      expect(COUNTERS.filter((counter) => !sum.has(counter))).toEqual([]);
    },
  );

  it("ends the same for the same seed", async () => {
    expect(await simulateHistory(7)).toEqual(await simulateHistory(7));
    expect((await simulateHistory(7)).trace).not.toEqual((await simulateHistory(8)).trace);
  });

  it.each(FAULTS_MENDED)(
    "keeps its promises under a trouble of its own: $tells",
    { timeout: 60_000 },
    async ({ name }) => {
      for (let seed = 1; seed <= FAULT_SEEDS; seed += 1)
        expect({ seed, failure: (await simulateHistory(seed, { faults: [name] })).failure }).toEqual({
          seed,
          failure: null,
        });
    },
  );

  it("breaks for every guard that is broken on purpose", { timeout: 240_000 }, async () => {
    const rows: string[] = [];
    for (const mutation of [...MUTATIONS, ...MUTATIONS_OF_BOUNDS, ...MUTATIONS_OF_DURATIONS])
      rows.push(`| ${mutation.name} | ${await caught(mutation)}`);
    expect(rows.filter((row) => row.includes("| never |"))).toEqual([]);
    const mended = FAULTS_MENDED.map(({ tells, share }) => `| ${tells} | ${share} |`);
    const page = `${HEAD}${rows.join("\n")}\n${MENDED}${mended.join("\n")}\n`;
    await expect(page).toMatchFileSnapshot(`${PROJECT_ROOT}docs/design/history-simulation.md`);
  });
});
