import { untilTaken } from "../../../testbed/until-taken.ts";
import { OPERATOR, startWhole, startWriteThrough, stateAfter } from "../measured-platforms.ts";
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
import { measured, PRODUCTION, signedIn, WITHOUT_HASHING, type CpuOf } from "./measured-cpu.ts";

/** CPU time a request takes of the runtime, all workers and objects of its path together, in ms. */
export interface CpuMs {
  readonly report: number;
  readonly writeThroughReport: number;
  readonly read: number;
  readonly transfer: number;
  readonly signIn: number;
}

/** A heartbeat each ten seconds, a look at what to continue twice a minute. */
const REPORT_EVERY_S = 10;
const READ_EVERY_S = 30;
const SECONDS = 12;
const TRANSFERS = { perSecond: 4, seconds: SECONDS } as const;
const PEOPLE = 24;
const SIGN_INS = { perSecond: 2, seconds: SECONDS } as const;

/**
 * Measured in the real runtime, by requests at the pace of people: what is kept for seconds (a
 * token, a verified key) is used as often as in production. An upper bound: the time of objects is
 * in it, which are billed by their memory instead.
 */
export async function measureCpu(count: number): Promise<CpuMs> {
  const reports = { perSecond: count / REPORT_EVERY_S, seconds: SECONDS };
  const reads = { perSecond: count / READ_EVERY_S, seconds: SECONDS };
  // Once for both: that is most of what this takes.
  const { state, result: viewers } = await stateAfter(WITHOUT_HASHING, (url) =>
    signedIn(realApi(url), count),
  );
  const headersOf = (sent: number): Headers => viewers[sent % count] ?? {};
  const afterSigningIn = { ...WITHOUT_HASHING, state };
  const whole = await measured(startWhole, afterSigningIn, async (api, cpuOf) => {
    return {
      report: await cpuOf(reports, (sent) => report(api, sent % count, headersOf(sent), sent)),
      read: await cpuOf(reads, (sent) => readContinue(api, sent % count, headersOf(sent))),
      transfer: await cpuOfTransfers(api, viewers, cpuOf),
    };
  });
  const writeThrough = await measured(startWriteThrough, afterSigningIn, async (api, cpuOf) => {
    const send = (sent: number) => report(api, sent % count, headersOf(sent), sent);
    return { writeThroughReport: await cpuOf(reports, send) };
  });
  const signIns = await measured(startWhole, PRODUCTION, async (api, cpuOf) => {
    for (let number = 0; number < PEOPLE; number += 1) await untilTaken(() => signUp(api, number));
    const send = async (sent: number): Promise<void> => void (await signIn(api, sent % PEOPLE));
    return { signIn: await cpuOf(SIGN_INS, send) };
  });
  return { ...whole, ...writeThrough, ...signIns };
}

async function cpuOfTransfers(api: Api, viewers: readonly Headers[], cpuOf: CpuOf): Promise<number> {
  const operator = { ADMIN_EMAIL: OPERATOR.email, ADMIN_PASSWORD: OPERATOR.password };
  const pay = await untilTaken(() => payer(api, operator));
  const people = viewers.slice(0, PEOPLE);
  for (const [number, headers] of people.entries()) {
    const asked = () => send(api, number, "GET", "/v1/account/me", { headers });
    const { userId } = await untilTaken(asked);
    await untilTaken(() => pay(String(userId)));
  }
  return cpuOf(TRANSFERS, (sent) => transfer(api, sent % PEOPLE, people[sent % PEOPLE] ?? {}));
}
