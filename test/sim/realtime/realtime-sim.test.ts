import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { addCounts } from "../kernel/counts.ts";
import { documentedSeeds } from "../kernel/documented-seeds.ts";
import { areTooManyAnew, REALTIME_COUNTERS } from "./realtime-counters.ts";
import type { RealtimeMutation } from "./realtime-mutation.ts";
import { REALTIME_MUTATIONS } from "./realtime-mutations.ts";
import { simulateRealtime } from "./realtime-sim.ts";

/** A fixed set; `npm run test:sim` takes ten thousand. */
const SEEDS = 120;
/** The seeds in which a broken guard must show. */
const MUTATION_SEEDS = 400;
const DOCUMENT = `${PROJECT_ROOT}docs/design/realtime-simulation.md`;
const seedsFor = documentedSeeds(DOCUMENT);

const HEAD = `# What the simulator of realtime finds

A history shard with who listens and what they are told, the comet of its users, a room, and
devices: the real classes over the real SQL, and the real rules of the client in
\`clients/typescript\`, over sockets that deliver in order, late, or not at all. D1 and its job are
as they should be: they have a simulator of their own. In a minute of trouble calls fail, lose
their reply or come when nobody waits any more; objects die before and after every commit and call;
shard, comet and room are restarted, alone and together; a comet's memory goes whenever nothing
keeps it awake, and its sockets stay; networks are cut, and some ends never hear of it; clients are
killed, or in the background for a while; clocks are seconds wrong, clients' two hours. Meanwhile
devices report, people report, delete, mark, clear and pause over HTTP, users are erased and
sessions revoked, and messages are pushed to the room. Then all heals.

In the end every device has exactly the server's list and knows of a pause: first without having
been away, but for what it has reported itself since it came, and then all of it after one cut
more. No change is applied twice, nor an older one after it (an equal state that is told again is
no change), where clocks are right; what is acked is durable or has lost to what is later; no
message of a room is shown twice or out of order, and none is skipped without a word; who comes
back has what was delivered meanwhile; every device knows which others are connected; nobody who is
signed out has a socket, and no socket is held for nobody. At most 5 % of those who come back are
told to begin anew. \`npm run test:sim -- --only realtime\` takes 10,000 seeds,
\`-- --only realtime --seed N\` replays one with its last steps.

Below, each guard is broken on purpose. Written by
\`npx vitest run --project unit test/sim/realtime/realtime-sim.test.ts -u\`; the same test
fails when a broken guard is no longer caught by that seed.

| broken | first seed that catches it | by |
| --- | ---: | --- |
`;

/**
 * The seed that is known to break, or else the first that breaks, with a guard broken on purpose,
 * and what broke; says so where none does.
 */
async function caught(mutation: RealtimeMutation): Promise<string> {
  for (const seed of seedsFor(mutation.name, 1, MUTATION_SEEDS)) {
    const { failure } = await simulateRealtime(seed, { mutation });
    if (failure !== null) return `${seed} | ${failure.replaceAll("|", "/")} |`;
  }
  return "never | |";
}

describe("simulated sockets", () => {
  it(
    `keep every promise from ${SEEDS} seeds, and suffer everything in them`,
    { timeout: 90_000 },
    async () => {
      const sum = new Map<string, number>();
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { failure, counts } = await simulateRealtime(seed);
        expect({ seed, failure }).toEqual({ seed, failure: null });
        addCounts(sum, counts);
      }
      expect(REALTIME_COUNTERS.filter((counter) => !sum.has(counter))).toEqual([]);
      expect(areTooManyAnew(sum)).toBe(false);
    },
  );

  it("end the same for the same seed", async () => {
    expect(await simulateRealtime(7)).toEqual(await simulateRealtime(7));
    expect((await simulateRealtime(7)).trace).not.toEqual((await simulateRealtime(8)).trace);
  });

  it("break for every guard that is broken on purpose", { timeout: 240_000 }, async () => {
    const rows: string[] = [];
    for (const mutation of REALTIME_MUTATIONS) rows.push(`| ${mutation.name} | ${await caught(mutation)}`);
    expect(rows.filter((row) => row.includes("| never |"))).toEqual([]);
    await expect(`${HEAD}${rows.join("\n")}\n`).toMatchFileSnapshot(DOCUMENT);
  });
});
