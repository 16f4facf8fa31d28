import type { RunningPlatform } from "../../../scripts/runtime/platform.ts";
import { untilTaken } from "../../../testbed/until-taken.ts";
import { cpuMsOf, runtimes } from "../process-use.ts";
import type { WholeOptions } from "../measured-platforms.ts";
import { realApi, signIn, signUp, type Api, type Headers } from "./clients.ts";
import { steadyCrowd } from "./steady-crowd.ts";

/** Signing in is shed early. */
const AT_ONCE = 4;
const TRIES = 20;
const WARM_UP_SECONDS = 2;
const IDLE_SECONDS = 2;
const GOOD_SHARE = 0.95;
/** What production has: its log, its limits. Only hashing is left out, where it isn't weighed. */
export const PRODUCTION: WholeOptions = { logLevel: "info", rateLimitScale: 1 };
export const WITHOUT_HASHING: WholeOptions = { ...PRODUCTION, without: ["password hashing"] };

export interface Pace {
  readonly perSecond: number;
  readonly seconds: number;
  /** Sent before what is measured; two seconds if absent. */
  readonly warmUpSeconds?: number;
}

/** CPU time of the runtime that a request takes which is sent at a pace, in ms. */
export type CpuOf = (pace: Pace, send: (number: number) => Promise<void>) => Promise<number>;

type Start = (options: WholeOptions) => Promise<RunningPlatform>;

/** A platform that tells what requests to it take. */
export interface MeasuredPlatform {
  readonly api: Api;
  readonly url: string;
  readonly cpuOf: CpuOf;
  readonly stop: () => Promise<void>;
}

export async function startMeasured(start: Start, options: WholeOptions): Promise<MeasuredPlatform> {
  const before = runtimes();
  const { url, stop } = await start(options);
  const pid = runtimes().find((running) => !before.includes(running));
  if (pid === undefined) throw new Error("the runtime is not to be found");
  return { api: realApi(url), url, cpuOf: (pace, send) => cpuOfRequests(pid, pace, send), stop };
}

/** Starts a platform, and lets `work` ask what requests to it take. */
export async function measured<T>(
  start: Start,
  options: WholeOptions,
  work: (api: Api, cpuOf: CpuOf) => Promise<T>,
): Promise<T> {
  const { api, cpuOf, stop } = await startMeasured(start, options);
  try {
    return await work(api, cpuOf);
  } finally {
    await stop();
  }
}

/**
 * Once more where others keep the machine so busy that requests are too late: what was refused is
 * not what is measured.
 */
async function cpuOfRequests(
  pid: number,
  pace: Pace,
  send: (number: number) => Promise<void>,
): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    await steadyCrowd({ ...pace, seconds: pace.warmUpSeconds ?? WARM_UP_SECONDS, send });
    const idlePerSecond = await cpuWhileIdle(pid);
    const startMs = cpuMsOf(pid);
    const { sent, good, firstFailure } = await steadyCrowd({ ...pace, send });
    if (good >= sent * GOOD_SHARE) return (cpuMsOf(pid) - startMs - idlePerSecond * pace.seconds) / good;
    if (tries === TRIES) throw new Error("most requests failed", { cause: firstFailure });
  }
}

/** What the runtime takes when nobody asks for anything, in ms a second. */
async function cpuWhileIdle(pid: number): Promise<number> {
  const startMs = cpuMsOf(pid);
  await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1_000));
  return (cpuMsOf(pid) - startMs) / IDLE_SECONDS;
}

/** Signs up so many viewers, and in. Answers the headers that they send. */
export async function signedIn(api: Api, count: number): Promise<readonly Headers[]> {
  const viewers: Headers[] = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => from + index);
    const turn = numbers.map(async (number) => {
      await untilTaken(() => signUp(api, number));
      return untilTaken(() => signIn(api, number));
    });
    viewers.push(...(await Promise.all(turn)));
  }
  return viewers;
}
