import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { BUS_COUNTERS, COUNTERS, REDIS_COUNTERS } from "./history-counters.ts";
import { addCounts } from "../kernel/counts.ts";
import { documentedSeeds } from "../kernel/documented-seeds.ts";
import { FAULTS_MENDED } from "./history-known-faults.ts";
import type { Mutation } from "./history-mutation.ts";
import { MUTATIONS } from "./history-mutations.ts";
import { MUTATIONS_OF_BOUNDS } from "./history-mutations-of-bounds.ts";
import { MUTATIONS_BY_HAND } from "./history-mutations-by-hand.ts";
import { MUTATIONS_AT_THE_CAP } from "./history-mutations-at-the-cap.ts";
import { MUTATIONS_OF_NEWS } from "./history-mutations-of-news.ts";
import { MUTATIONS_OF_REDIS } from "./history-mutations-of-redis.ts";
import { MUTATIONS_OF_DURATIONS } from "./history-mutations-of-durations.ts";
import { MUTATIONS_OF_THE_BUS } from "./history-mutations-of-the-bus.ts";
import { simulateHistory } from "./history-sim.ts";

/** A fixed set; `npm run test:sim` takes ten thousand. */
const SEEDS = 120;
/** Those whose bus is Kafka. */
const BUS_SEEDS = 60;
/** Those whose values are in Redis. */
const REDIS_SEEDS = 120;
/** From here on so many seeds have everything in them, also what is rare. */
const FIRST_SEED = 833;
/** The seeds in which a broken guard must show: one world in nine is long. */
const MUTATION_SEEDS = 500;
/** Worlds of each trouble of its own, beside those among the seeds above. */
const FAULT_SEEDS = 4;
const DOCUMENT = `${PROJECT_ROOT}docs/design/history-simulation.md`;
const seedsFor = documentedSeeds(DOCUMENT);

const HEAD = `# What the history's simulator finds

Two cells with three shards and one, their mappings, the queue with its dead letters, two isolates
of the job and three databases: the real classes over the real SQL, in ten minutes of trouble in
each ninth world and two in the others, with as much going on in a minute: calls that fail, lose
their reply or come late, crashes before and after every commit and call, deploys, storage calls
that throw, alarms lost, late and twice, messages duplicated, reordered and given up, consumers that
stall for minutes, databases that are away or hang, shards' clocks five minutes wrong and clients'
two hours, said with what they send or not; players, readers, people who delete, mark, clear and
pause, devices that ask for nothing but changes, devices that follow by what shards tell their
comets, cut, and with comets that die or can't be reached, operators who flush, users who are
erased. Little is kept of a user, so that the oldest entries leave. In some worlds the release
before is there: shards and jobs become this one at a moment of their own, and until the cron has
seen that all have, what is done by hand is refused and nothing is written that older code can't
read. In some worlds there is an hour at the account's spending cap, in which objects refuse
requests, SQL and alarms, alarms are held and D1 refuses. Then all heals, in 45 minutes.

A short world shows what one fault does, or two close together. What needs a lease that doubles, an
outage, a stalled consumer and a late message one after the other, several crons or a rollout of
minutes shows in long worlds alone, or seldom: guards with first seeds in the hundreds below are of
that kind. That reports are taken whatever D1 does is asked of short worlds only where most calls
come to something, and enough reports were made.

Every answer, degraded ones too, is checked against a model of what the shards made durable: what
is acknowledged is durable or has lost by the rules, which are written out once more
(\`history-losing.ts\`); nothing deleted, cleared or trimmed is shown or comes back; a device has
what the list has, whether it asks or is told; memory stays within its bytes. In the end nothing
may be pending and D1 must be the model, tombstones and users' states too. An object's turn is a
transaction, and what leaves it waits for its commit: \`test/sim/kernel/sim-object.ts\`. \`npm run
test:sim -- --only history\` takes 10,000 seeds, \`-- --only history --seed N\` replays one with
its last steps. Thirty days of a device, and a phone that was offline for a week, are in
\`test/sim/history/device.test.ts\`.

Below, each guard is broken on purpose, those of Kafka in worlds whose bus it is, where some
messages are none, some can never be done, and some kill whoever tries them. Written by
\`npx vitest run --project unit test/sim/history/history-sim.test.ts -u\`; the same test
fails when a broken guard is no longer caught by that seed.

| broken | first seed that catches it | by |
| --- | ---: | --- |
`;
const MENDED = `
## Troubles of their own

Faults that were found in earlier code and are mended, and the spending cap: five minutes after its
end D1 has all that was acknowledged before it, in half of those worlds though nobody has called,
and no message has used up its retries. Each is suffered by a share of the worlds above
(\`test/sim/history/history-known-faults.ts\`).

| what holds | share of worlds |
| --- | ---: |
`;

/**
 * The seed that is known to break, or else the first that breaks, with a guard broken on purpose,
 * and what broke; says so where none does.
 */
async function caught(mutation: Mutation): Promise<string> {
  let rewritten = 0;
  for (const seed of seedsFor(mutation.name, 1, MUTATION_SEEDS)) {
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
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
        const { failure, counts } = await simulateHistory(seed);
        expect({ seed, failure }).toEqual({ seed, failure: null });
        addCounts(sum, counts);
      }
      expect(COUNTERS.filter((counter) => !sum.has(counter))).toEqual([]);
    },
  );

  it(
    `keeps them from ${BUS_SEEDS} seeds over Kafka, which is switched in some`,
    { timeout: 60_000 },
    async () => {
      const sum = new Map<string, number>();
      for (let seed = 1; seed <= BUS_SEEDS; seed += 1) {
        const { failure, counts } = await simulateHistory(seed, { bus: "kafka" });
        expect({ seed, failure }).toEqual({ seed, failure: null });
        addCounts(sum, counts);
      }
      expect(BUS_COUNTERS.filter((counter) => !sum.has(counter))).toEqual([]);
    },
  );

  it(
    `keeps them from ${REDIS_SEEDS} seeds with values in Redis, but for what that loses`,
    { timeout: 90_000 },
    async () => {
      const sum = new Map<string, number>();
      for (let seed = 1; seed <= REDIS_SEEDS; seed += 1) {
        const { failure, counts } = await simulateHistory(seed, {
          hotStore: "redis",
          bus: seed % 2 === 0 ? "kafka" : "queue",
        });
        expect({ seed, failure }).toEqual({ seed, failure: null });
        addCounts(sum, counts);
      }
      expect(REDIS_COUNTERS.filter((counter) => !sum.has(counter))).toEqual([]);
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

  it("breaks for every guard that is broken on purpose", { timeout: 1_200_000 }, async () => {
    const rows: string[] = [];
    for (const mutation of [
      ...MUTATIONS,
      ...MUTATIONS_OF_BOUNDS,
      ...MUTATIONS_BY_HAND,
      ...MUTATIONS_OF_DURATIONS,
      ...MUTATIONS_OF_NEWS,
      ...MUTATIONS_AT_THE_CAP,
      ...MUTATIONS_OF_REDIS,
      ...MUTATIONS_OF_THE_BUS,
    ])
      rows.push(`| ${mutation.name} | ${await caught(mutation)}`);
    expect(rows.filter((row) => row.includes("| never |"))).toEqual([]);
    const mended = FAULTS_MENDED.map(({ tells, share }) => `| ${tells} | ${share} |`);
    const page = `${HEAD}${rows.join("\n")}\n${MENDED}${mended.join("\n")}\n`;
    await expect(page).toMatchFileSnapshot(DOCUMENT);
  });
});
