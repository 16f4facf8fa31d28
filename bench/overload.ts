import { mkdirSync, writeFileSync } from "node:fs";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import { startBeforeNarrowUpstream } from "./support/measured-platforms.ts";
import { offer, type Offered } from "./support/open-loop.ts";
import { drawCurves } from "./support/overload-chart.ts";
import { signedInUsers } from "./support/signed-in-users.ts";

/** What the upstream can do: 16 places of 80 ms each. */
const CAPACITY = 200;
const STEPS = (process.env["BENCH_STEPS"] ?? "0.5,0.8,1,1.5,2,4,10").split(",").map(Number);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 8);
const WARM_UP_SECONDS = 3;
const TIMEOUT_MS = 1_000;
const USERS = 24;
const PICTURE = "docs/figures/overload.svg";

/**
 * Goodput and latency as the offered load grows to ten times what the upstream can do, with the
 * gateway's protection and without.
 */
export async function run(): Promise<void> {
  console.log(
    `an upstream of ${CAPACITY} requests/s, clients who wait ${TIMEOUT_MS} ms, ${SECONDS} s a step (the first ${WARM_UP_SECONDS} s not measured)\n`,
  );
  const protectedSteps = await climb("with protection", await startBeforeNarrowUpstream());
  const bareSteps = await climb(
    "without protection",
    await startBeforeNarrowUpstream({ without: ["overload protection"] }),
  );
  judge(protectedSteps, bareSteps);
  mkdirSync(`${PROJECT_ROOT}docs/figures`, { recursive: true });
  writeFileSync(
    PROJECT_ROOT + PICTURE,
    drawCurves({ capacity: CAPACITY, steps: STEPS, protectedSteps, bareSteps }),
  );
  console.log(`drawn in ${PICTURE}`);
}

async function climb(
  name: string,
  platform: { readonly url: string; readonly stop: () => Promise<void> },
): Promise<readonly Offered[]> {
  const headers = await signedInUsers(platform.url, USERS);
  const results: Offered[] = [];
  for (const step of STEPS) {
    results.push(
      await offer({
        url: `${platform.url}/v1/history`,
        headers,
        perSecond: step * CAPACITY,
        seconds: SECONDS,
        warmUpSeconds: WARM_UP_SECONDS,
        patienceMs: TIMEOUT_MS,
      }),
    );
  }
  await platform.stop();
  console.log(name);
  console.table(
    Object.fromEntries(
      results.map(({ offeredPerSecond, goodPerSecond, refusedPerSecond, p50Ms, p99Ms }, index) => [
        `${STEPS[index]} ×`,
        {
          "offered/s": Math.round(offeredPerSecond),
          "good/s": Math.round(goodPerSecond),
          "refused/s": Math.round(refusedPerSecond),
          "p50 ms": Math.round(p50Ms),
          "p99 ms": Math.round(p99Ms),
        },
      ]),
    ),
  );
  return results;
}

function judge(protectedSteps: readonly Offered[], bareSteps: readonly Offered[]): void {
  const peak = Math.max(...protectedSteps.map(({ goodPerSecond }) => goodPerSecond));
  const [unloaded] = protectedSteps;
  const last = protectedSteps.at(-1);
  const bareLast = bareSteps.at(-1);
  if (unloaded === undefined || last === undefined || bareLast === undefined)
    throw new Error("no step was measured");
  console.log(
    `goodput at 10 × / peak:             ${(last.goodPerSecond / peak).toFixed(2)}   (goal ≥ 0.90)`,
  );
  console.log(`p50 at 10 × / p50 at 0.5 ×:         ${(last.p50Ms / unloaded.p50Ms).toFixed(2)}   (goal ≤ 3)`);
  console.log(`p99 at 10 ×:                        ${Math.round(last.p99Ms)} ms   (goal ≤ 300 ms)`);
  console.log(`without protection at 10 × / peak:  ${(bareLast.goodPerSecond / peak).toFixed(2)}`);
}
