import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { MUTATIONS } from "./ledger-mutations.ts";
import { simulateLedgers } from "./ledger-sim.ts";

/** A fixed set; `npm run test:sim` takes ten thousand. */
const SEEDS = 120;
/** The seeds in which a broken guard must show. */
const MUTATION_SEEDS = 60;

const HEAD = `# What the ledgers' simulator finds

Two ledgers of the real classes over the real SQL, ninety seconds of trouble (failing calls, lost replies, crashes, duplicated, late and reordered messages, poison, operators who
redrive, refund, close and open accounts), then healing. After each write the books are checked; in the end every transfer must be settled or refunded, every caller answered
and every change published in order. \`npm run test:sim\` takes 10,000 seeds, \`npm run test:sim -- --seed N\` replays one with its last steps.

Below, each guard is broken on purpose. Written by \`npx vitest run --project unit test/sim/ledger-sim.test.ts -u\`; the same test fails when a broken guard is no longer caught by that seed.

| broken | first seed that catches it | by |
| --- | ---: | --- |
`;

describe("the simulated ledgers", () => {
  it(`keep every promise from ${SEEDS} seeds`, { timeout: 60_000 }, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) expect(await simulateLedgers(seed)).toMatchObject({ seed, failure: null });
  });

  it("end the same for the same seed", async () => {
    expect(await simulateLedgers(7)).toEqual(await simulateLedgers(7));
    expect((await simulateLedgers(7)).trace).not.toEqual((await simulateLedgers(8)).trace);
  });

  it("ask for every query that is broken on purpose: a fragment that fits none is a mistake of the table", async () => {
    const queries = new Set<string>();
    const note = (query: string): string => {
      queries.add(query);
      return query;
    };
    for (let seed = 1; seed <= 5; seed += 1) await simulateLedgers(seed, { name: "nothing", rewrites: [note] });
    const misfits = MUTATIONS.flatMap(({ name, rewrites = [] }) =>
      rewrites.flatMap((rewrite, index) => ([...queries].some((query) => rewrite(query) !== query) ? [] : [`${name} (${index})`])),
    );
    expect(misfits).toEqual([]);
  });

  it("break for every guard that is broken on purpose", { timeout: 120_000 }, async () => {
    const rows: string[] = [];
    for (const mutation of MUTATIONS) {
      let caught: string | null = null;
      for (let seed = 1; seed <= MUTATION_SEEDS && caught === null; seed += 1) {
        const { failure } = await simulateLedgers(seed, mutation);
        if (failure !== null) caught = `| ${mutation.name} | ${seed} | ${failure.replaceAll("|", "/")} |`;
      }
      rows.push(caught ?? `| ${mutation.name} | never | |`);
    }
    expect(rows.filter((row) => row.includes("| never |"))).toEqual([]);
    await expect(`${HEAD}${rows.join("\n")}\n`).toMatchFileSnapshot(`${PROJECT_ROOT}docs/design/ledger-simulation.md`);
  });
});
