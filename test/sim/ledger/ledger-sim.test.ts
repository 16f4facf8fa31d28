import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { addCounts } from "../kernel/counts.ts";
import { documentedSeeds } from "../kernel/documented-seeds.ts";
import { LEDGER_COUNTERS, LONG_COUNTERS, SWITCHED_COUNTERS } from "./ledger-counters.ts";
import { judgeBalances, judgeReconciliation, type Judge } from "./ledger-judges.ts";
import type { Mutation } from "./ledger-mutation.ts";
import { MUTATIONS_OF_MESSAGES } from "./ledger-mutations.ts";
import { MUTATIONS_AT_THE_CAP } from "./ledger-mutations-at-the-cap.ts";
import { MUTATIONS_OF_OPERATORS } from "./ledger-mutations-of-operators.ts";
import { simulateLedgers, type SimOptions } from "./ledger-sim.ts";

const MUTATIONS: readonly Mutation[] = [
  ...MUTATIONS_OF_MESSAGES,
  ...MUTATIONS_OF_OPERATORS,
  ...MUTATIONS_AT_THE_CAP,
];

/** Fixed sets; `npm run test:sim` takes ten thousand, and a hundred long ones. */
const SEEDS = 150;
const LONG_SEEDS = 12;
const SWITCHED_SEEDS = 40;
/**
 * The seeds in which a broken guard must show, in those with everything and in those that only know
 * who has what.
 */
const MUTATION_SEEDS = 600;
const SLOW_SEEDS = 15;
const DOCUMENT = `${PROJECT_ROOT}docs/design/ledger-simulation.md`;
const seedsFor = documentedSeeds(DOCUMENT);

const HEAD = `# What the ledgers' simulator finds

Two ledgers of the real classes over the real SQL, each with its database, its queue, its
publisher's object and two wall clocks (five minutes wrong, others after a restart, at times a month
ahead for one reading), the real guards around each call. Ninety seconds of trouble: calls that
fail, lose their reply, or take effect long after their caller gave up or died; crashes; duplicated,
late and reordered messages; poison; databases away or hanging; a ledger that nobody reaches; alarms
lost, late and twice; operators who redrive, hold back and refund messages, close, freeze and open
accounts, and take deposits back, now and then what is none; in some worlds an hour at the account's
spending cap, five minutes after which what was under way has arrived. Then healing. After each
write the books are checked, every two minutes the ledgers reconciled, from where the last round
ended and by a clock that is wrong at times. In the end every transfer must be settled or refunded,
every caller answered, every change published in order, each dead letter kept, everything audited;
money must move both ways, a deposit that is still there be taken back, and where an account is
frozen nothing move until it is open again; and every user must have what the answers promised, by a
shadow that knows nothing of the tables. A long profile lives through a day's outage and the weeks
after which things are pruned; in others the change stream is off, or deployed off and on, its
objects behind. \`npm run test:sim\` takes 10,000 seeds, 100 long ones and 500 of the last kind, and
says how often each thing happened; \`npm run test:sim -- --only ledger --seed N\` (or
\`ledger-long\`, \`ledger-switched\`) replays one with its last steps.

Below, each guard is broken on purpose. Written by
\`npx vitest run --project unit test/sim/ledger/ledger-sim.test.ts -u\`; the same test
fails when a broken guard is no longer caught by that seed.

Where money is made, lost or somebody else's, the last column is the first seed in which the
balances alone tell it, with every other check off, and the first in which \`GET /v1/ops/reconcile\`
does; a wrong deposit or reversal looks right in every book, so only who was promised something can
tell.

| broken | first seed that catches it | by | by the balances alone | by reconciliation alone |
| --- | ---: | --- | ---: | ---: |
`;

/** The seed that a column of the document says, or else the first that breaks, and what broke. */
async function caught(
  mutation: Mutation,
  column: number,
  options: SimOptions = {},
): Promise<{ readonly seed: number; readonly failure: string } | null> {
  const isSlow = mutation.isSlow === true;
  for (const seed of seedsFor(mutation.name, column, isSlow ? SLOW_SEEDS : MUTATION_SEEDS)) {
    const { failure } = await simulateLedgers(seed, {
      mutation,
      profile: isSlow ? "long" : "usual",
      ...options,
    });
    if (failure !== null) return { seed, failure };
  }
  return null;
}

async function rowOf(mutation: Mutation): Promise<string> {
  const { name } = mutation;
  const found = await caught(mutation, 1);
  const isToldBy = async (judge: Judge, column: number): Promise<string> =>
    String((await caught(mutation, column, { judge }))?.seed ?? "never");
  const alone = mutation.misbooks === undefined ? "" : await isToldBy(judgeBalances, 3);
  // What was wrong when it was paid in looks right in every book there is.
  const books =
    mutation.misbooks === undefined
      ? ""
      : mutation.misbooks === "deposits"
        ? "cannot"
        : await isToldBy(judgeReconciliation, 4);
  const [seed, failure] =
    found === null
      ? ["never", ""]
      : [`${mutation.isSlow === true ? "long " : ""}${found.seed}`, found.failure];
  return `| ${name} | ${seed} | ${failure.replaceAll("|", "/").split("\n")[0]} | ${alone} | ${books} |`;
}

/** How many values a query takes: one of fewer is refused, which is no broken guard. */
function valuesOf(query: string): number {
  return Math.max(0, ...[...query.matchAll(/\?(\d+)/g)].map(([, number]) => Number(number)));
}

describe("the simulated ledgers", () => {
  it.each([
    { profile: "usual", seeds: SEEDS, counters: LEDGER_COUNTERS },
    { profile: "long", seeds: LONG_SEEDS, counters: LONG_COUNTERS },
  ] as const)(
    "keep every promise from $seeds $profile seeds, and suffer everything in them",
    { timeout: 120_000 },
    async (each) => {
      const { profile, seeds, counters } = each;
      const sum = new Map<string, number>();
      for (let seed = 1; seed <= seeds; seed += 1) {
        const { failure, counts } = await simulateLedgers(seed, { profile });
        expect({ seed, failure }).toEqual({ seed, failure: null });
        addCounts(sum, counts);
      }
      expect(counters.filter((counter) => !sum.has(counter))).toEqual([]);
    },
  );

  it.each([
    { stream: "switched", seeds: SWITCHED_SEEDS, counters: SWITCHED_COUNTERS },
    { stream: "off", seeds: SWITCHED_SEEDS, counters: ["movement that no stream told"] },
  ] as const)(
    "keep every promise with their change stream $stream, from $seeds seeds",
    { timeout: 120_000 },
    async ({ stream, seeds, counters }) => {
      const sum = new Map<string, number>();
      for (let seed = 1; seed <= seeds; seed += 1) {
        const { failure, counts } = await simulateLedgers(seed, { stream });
        expect({ seed, failure }).toEqual({ seed, failure: null });
        addCounts(sum, counts);
      }
      expect(counters.filter((counter) => !sum.has(counter))).toEqual([]);
    },
  );

  it.each([
    ["leaves no number out", "AND enabled = 0 AND ?1 = 1", "AND 0 AND ?1 = 1", "nothing is left out"],
    ["passes over what comes next", "coalesce(max(seq), 0) FROM", "coalesce(max(seq), 0) + 2 FROM", "stream"],
  ])(
    "break where the stream that is switched on again %s",
    { timeout: 60_000 },
    async (name, sql, broken, promise) => {
      const mutation = { name, rewrites: [(query: string) => query.replace(sql, broken)] };
      let failure: string | null = null;
      for (let seed = 1; failure === null && seed <= SWITCHED_SEEDS; seed += 1)
        ({ failure } = await simulateLedgers(seed, { stream: "switched", mutation }));
      expect(failure).toContain(promise);
    },
  );

  it("end the same for the same seed", async () => {
    expect(await simulateLedgers(7)).toEqual(await simulateLedgers(7));
    expect((await simulateLedgers(7)).trace).not.toEqual((await simulateLedgers(8)).trace);
  });

  it(
    "ask for every query that is broken on purpose, with as many values: what fits none is a mistake of the table",
    { timeout: 60_000 },
    async () => {
      const queries = new Set<string>();
      const note = (query: string): string => {
        queries.add(query);
        return query;
      };
      for (let seed = 1; seed <= 20; seed += 1)
        await simulateLedgers(seed, { mutation: { name: "nothing", rewrites: [note] } });
      const misfits = MUTATIONS.flatMap(({ name, rewrites = [] }) =>
        rewrites.flatMap((rewrite, index) => {
          const broken = [...queries].filter((query) => rewrite(query) !== query);
          const isFit = broken.every((query) => valuesOf(rewrite(query)) === valuesOf(query));
          return broken.length > 0 && isFit ? [] : [`${name} (${index})`];
        }),
      );
      expect(misfits).toEqual([]);
    },
  );

  it("break for every guard that is broken on purpose", { timeout: 600_000 }, async () => {
    const rows: string[] = [];
    for (const mutation of MUTATIONS) rows.push(await rowOf(mutation));
    expect(rows.filter((row) => row.includes("| never |"))).toEqual([]);
    await expect(`${HEAD}${rows.join("\n")}\n`).toMatchFileSnapshot(DOCUMENT);
  });
});
