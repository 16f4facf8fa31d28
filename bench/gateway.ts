import type { RunningPlatform } from "../scripts/runtime/platform.ts";
import { startBareChain, startMetered, startWhole } from "./support/measured-platforms.ts";
import { cpuMsOf, runtimes } from "./support/process-use.ts";
import { load, type LoadRequest } from "./support/load.ts";
import { median } from "./support/median.ts";
import { PARTS } from "./support/parts.ts";
import { signedInUsers } from "./support/signed-in-users.ts";

/**
 * A report waits for its shard's next commit, so it takes more of them at once to keep a core busy.
 */
const CONNECTIONS = { read: 64, report: 256 } as const;
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 3);
const USERS = 24;
const METERED_SECONDS = 5;
/**
 * The distance that a shard keeps between commits where all callers wait, in ms: as long does a
 * report wait, whoever answers it.
 */
const TOGETHER_MS = 50;
/** Parts to switch off, one candidate each, by default all of them; an empty text for none. */
const SWITCHED_OFF = process.env["BENCH_WITHOUT"]?.split(",") ?? PARTS;

type RouteName = "read" | "report";
const ROUTES: readonly RouteName[] = ["read", "report"];

interface Candidate {
  readonly name: string;
  readonly platform: RunningPlatform;
  readonly pid: number;
  readonly requests: Readonly<Record<RouteName, readonly LoadRequest[]>>;
  readonly rates: Readonly<Record<RouteName, number[]>>;
  readonly cpuUs: Readonly<Record<RouteName, number[]>>;
  failures: number;
}

/**
 * The whole guarded path beside the bare chain with the same hops, what each guard costs, and which
 * objects a request waits for.
 */
export async function run(): Promise<void> {
  console.log(
    `${CONNECTIONS.read} connections that read, ${CONNECTIONS.report} that report, medians of ${ROUNDS} interleaved rounds of ${SECONDS} s`,
  );
  console.log(
    "read: GET /v1/history/continue, one entry, from a shard's memory. report: POST /v1/history/reports, one heartbeat, durable.\n",
  );
  const candidates = [
    await enter("whole path", () => startWhole(), true),
    await enter("with its log on", () => startWhole({ logLevel: "info" }), true),
    ...(await inTurn(
      PARTS.filter((part) => SWITCHED_OFF.includes(part)),
      (part) => enter(`without ${part}`, () => startWhole({ without: [part] }), true),
    )),
    await enter("bare chain", () => startBareChain(), false),
    await enter("bare chain that waits as commits do", () => startBareChain(TOGETHER_MS), false),
  ];
  for (const candidate of candidates) for (const route of ROUTES) await measure(candidate, route, null);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const route of ROUTES)
      for (const candidate of candidates) await measure(candidate, route, candidate);
  }
  print(candidates);
  for (const { platform } of candidates) await platform.stop();
  await countObjectCalls();
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

async function enter(
  name: string,
  start: () => Promise<RunningPlatform>,
  hasAccounts: boolean,
): Promise<Candidate> {
  const before = runtimes();
  const platform = await start();
  const pid = runtimes().find((running) => !before.includes(running)) ?? 0;
  const users = hasAccounts
    ? await signedInUsers(platform.url, USERS)
    : Array.from({ length: USERS }, (_, user) => ({ "x-user": `user-${user}` }));
  const requests = { read: readsOf(users), report: reportsOf(users) };
  return {
    name,
    platform,
    pid,
    requests,
    rates: { read: [], report: [] },
    cpuUs: { read: [], report: [] },
    failures: 0,
  };
}

function readsOf(users: readonly Readonly<Record<string, string>>[]): LoadRequest[] {
  return users.map((headers) => ({ method: "GET", path: "/v1/history/continue?limit=20", headers }));
}

function reportsOf(users: readonly Readonly<Record<string, string>>[]): LoadRequest[] {
  return users.map((headers) => ({
    method: "POST",
    path: "/v1/history/reports",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      reports: [{ kind: "video", itemId: "movie-1", positionMs: 61_000, durationMs: 596_000 }],
    }),
  }));
}

async function measure(
  { platform, pid, requests }: Candidate,
  route: RouteName,
  into: Candidate | null,
): Promise<void> {
  const cpuBeforeMs = cpuMsOf(pid);
  const startedAtMs = performance.now();
  const result = await load({
    url: platform.url,
    requests: requests[route],
    connections: CONNECTIONS[route],
    seconds: SECONDS,
  });
  const answered = (result.requestsPerSecond * (performance.now() - startedAtMs)) / 1_000;
  if (into === null) return;
  into.rates[route].push(result.requestsPerSecond);
  into.cpuUs[route].push(((cpuMsOf(pid) - cpuBeforeMs) * 1_000) / answered);
  into.failures += result.failures;
}

function print(candidates: readonly Candidate[]): void {
  const bare = candidates.find(({ name }) => name === "bare chain");
  if (bare === undefined) throw new Error("nothing to compare with");
  const ratio = (values: readonly number[], base: readonly number[]): string =>
    median(values.map((value, round) => value / (base[round] ?? Number.NaN))).toFixed(2);
  console.table(
    Object.fromEntries(
      candidates.map(({ name, rates, cpuUs, failures }) => [
        name,
        {
          "reads/s": Math.round(median(rates.read)),
          "µs CPU/read": Math.round(median(cpuUs.read)),
          "reads/bare": ratio(rates.read, bare.rates.read),
          "reports/s": Math.round(median(rates.report)),
          "µs CPU/report": Math.round(median(cpuUs.report)),
          "reports/bare": ratio(rates.report, bare.rates.report),
          failures,
        },
      ]),
    ),
  );
  const [whole] = candidates;
  const waiting = candidates.find(({ name }) => name.includes("waits"));
  const both = (route: RouteName, base: Candidate | undefined): string =>
    `${ratio(whole?.rates[route] ?? [], base?.rates[route] ?? [])} by requests/s, ${ratio(base?.cpuUs[route] ?? [], whole?.cpuUs[route] ?? [])} by CPU`;
  console.log(`reads, bare chain:                     ${both("read", bare)}   (goals 0.75, 0.72)`);
  console.log(`reports, bare chain:                   ${both("report", bare)}   (goals 0.60, 0.60)`);
  console.log(`reports, bare chain that waits as well: ${both("report", waiting)}\n`);
}

/**
 * Sends as fast as answers come and counts what the shared objects are asked: were a request to
 * wait for one, there would be one call each.
 */
async function countObjectCalls(): Promise<void> {
  const platform = await startMetered();
  const requests = readsOf(await signedInUsers(platform.url, USERS));
  const counts = async (): Promise<Readonly<Record<string, number>>> => {
    const durable = await platform.miniflare.getWorker("playhead-durable");
    return (await (await durable.fetch("http://durable/")).json()) as Record<string, number>;
  };
  await load({ url: platform.url, requests, connections: CONNECTIONS.read, seconds: 2 });
  const before = await counts();
  const { requestsPerSecond } = await load({
    url: platform.url,
    requests,
    connections: CONNECTIONS.read,
    seconds: METERED_SECONDS,
  });
  const after = await counts();
  console.log(
    `calls of shared objects, all of them beside the requests, in the steady state of ${Math.round(requestsPerSecond)} requests/s by ${USERS} users:`,
  );
  for (const [name, count] of Object.entries(after)) {
    const perSecond = (count - (before[name] ?? 0)) / METERED_SECONDS;
    console.log(
      `  ${name.padEnd(20)} ${perSecond.toFixed(1)}/s, ${(perSecond / requestsPerSecond).toFixed(4)} a request`,
    );
  }
  await platform.stop();
}
