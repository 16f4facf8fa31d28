import type { RunningPlatform } from "../../../scripts/runtime/platform.ts";
import { cpuMsOf, runtimes } from "../cpu-time.ts";
import { OPERATOR, startWhole, startWriteThrough, type WholeOptions } from "../measured-platforms.ts";
import {
  payer,
  readContinue,
  realApi,
  report,
  send,
  signIn,
  signUp,
  transfer,
  type Api,
  type Headers,
} from "./clients.ts";
import { steadyCrowd } from "./steady-crowd.ts";

/** CPU time a request takes of the runtime, all workers and objects of its path together, in ms. */
export interface CpuMs {
  readonly report: number;
  readonly writeThroughReport: number;
  readonly read: number;
  readonly transfer: number;
  readonly signIn: number;
}

/** Signing in is shed early. */
const AT_ONCE = 4;
/** What is refused is tried again. */
const TRIES = 20;
const PAUSE_MS = 100;
/** A heartbeat each ten seconds, a look at what to continue twice a minute. */
const REPORT_EVERY_S = 10;
const READ_EVERY_S = 30;
const SECONDS = 12;
const TRANSFERS = { perSecond: 4, seconds: SECONDS } as const;
const PEOPLE = 24;
const SIGN_INS = { perSecond: 2, seconds: SECONDS } as const;
const WARM_UP_SECONDS = 2;
const IDLE_SECONDS = 2;
const GOOD_SHARE = 0.95;
/** What production has: its log, its limits. Only hashing is left out, where it isn't weighed. */
const PRODUCTION: WholeOptions = { logLevel: "info", rateLimitScale: 1 };
const WITHOUT_HASHING: WholeOptions = { ...PRODUCTION, without: ["password hashing"] };

/**
 * Measured in the real runtime, by requests at the pace of people: what is kept for seconds (a
 * token, a verified key) is used as often as in production. An upper bound: the time of objects is
 * in it, which are billed by their memory instead.
 */
export async function measureCpu(count: number): Promise<CpuMs> {
  const reports = { perSecond: count / REPORT_EVERY_S, seconds: SECONDS };
  const reads = { perSecond: count / READ_EVERY_S, seconds: SECONDS };
  const whole = await measured(startWhole, WITHOUT_HASHING, async (api, cpuOf) => {
    const viewers = await signedIn(api, count);
    const headersOf = (sent: number): Headers => viewers[sent % count] ?? {};
    return {
      report: await cpuOf(reports, (sent) => report(api, sent % count, headersOf(sent), sent)),
      read: await cpuOf(reads, (sent) => readContinue(api, sent % count, headersOf(sent))),
      transfer: await cpuOfTransfers(api, viewers, cpuOf),
    };
  });
  const writeThrough = await measured(startWriteThrough, WITHOUT_HASHING, async (api, cpuOf) => {
    const viewers = await signedIn(api, count);
    const send = (sent: number) => report(api, sent % count, viewers[sent % count] ?? {}, sent);
    return { writeThroughReport: await cpuOf(reports, send) };
  });
  const signIns = await measured(startWhole, PRODUCTION, async (api, cpuOf) => {
    for (let number = 0; number < PEOPLE; number += 1) await untilTaken(() => signUp(api, number));
    const send = async (sent: number): Promise<void> => void (await signIn(api, sent % PEOPLE));
    return { signIn: await cpuOf(SIGN_INS, send) };
  });
  return { ...whole, ...writeThrough, ...signIns };
}

interface Pace {
  readonly perSecond: number;
  readonly seconds: number;
}

type CpuOf = (pace: Pace, send: (number: number) => Promise<void>) => Promise<number>;

async function measured<T>(
  start: (options: WholeOptions) => Promise<RunningPlatform>,
  options: WholeOptions,
  work: (api: Api, cpuOf: CpuOf) => Promise<T>,
): Promise<T> {
  const before = runtimes();
  const platform = await start(options);
  const pid = runtimes().find((running) => !before.includes(running));
  if (pid === undefined) throw new Error("the runtime is not to be found");
  try {
    return await work(realApi(platform.url), (pace, send) => cpuOfRequests(pid, pace, send));
  } finally {
    await platform.stop();
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
    await steadyCrowd({ ...pace, seconds: WARM_UP_SECONDS, send });
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

async function signedIn(api: Api, count: number): Promise<readonly Headers[]> {
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

async function untilTaken<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

async function cpuOfTransfers(api: Api, viewers: readonly Headers[], cpuOf: CpuOf): Promise<number> {
  const pay = await payer(api, { ADMIN_EMAIL: OPERATOR.email, ADMIN_PASSWORD: OPERATOR.password });
  const people = viewers.slice(0, PEOPLE);
  for (const [number, headers] of people.entries()) {
    const { userId } = await send(api, number, "GET", "/v1/account/me", { headers });
    await pay(String(userId));
  }
  return cpuOf(TRANSFERS, (sent) => transfer(api, sent % PEOPLE, people[sent % PEOPLE] ?? {}));
}
