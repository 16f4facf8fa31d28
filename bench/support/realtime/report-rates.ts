import { REALTIME_OPS } from "../../../src/contracts/realtime.ts";
import { GOIM_OPS } from "../../../src/protocol/goim-packet.ts";
import { GoimSocket } from "../../../testbed/sockets/goim-socket.ts";
import { untilTaken } from "../../../testbed/until-taken.ts";
import { realApi } from "../cost/clients.ts";
import { signedIn } from "../cost/measured-cpu.ts";
import { load, type LoadRequest } from "../load.ts";
import { startWhole } from "../measured-platforms.ts";
import { median } from "../median.ts";
import { cpuMsOf, runtimes } from "../process-use.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 5);
/** Each sends its next report when the last one is acked: more of them keep both cores busy. */
const SOCKETS = Number(process.env["BENCH_REPORTING_SOCKETS"] ?? 2_048);
const CONNECTIONS = [256, SOCKETS] as const;
/** Those who report over HTTP; none of them listens. Each socket has a user of its own beside. */
const HTTP_USERS = 256;
const WARM_UP_SECONDS = 2;

export interface ReportRate {
  readonly name: string;
  readonly perSecond: readonly number[];
  /** Of the runtime, for a report. */
  readonly cpuUs: readonly number[];
  readonly failures: number;
}

interface Sent {
  readonly perSecond: number;
  readonly failures: number;
}

/**
 * Reports of one heartbeat each in closed loops: over HTTP, then over sockets, none of which is
 * open before. Of each user one device: another would be told of every report.
 */
export async function measureReportRates(): Promise<readonly ReportRate[]> {
  const before = runtimes();
  const platform = await startWhole({ without: ["password hashing"] });
  const pid = runtimes().find((running) => !before.includes(running)) ?? 0;
  try {
    const users = await signedIn(realApi(platform.url), HTTP_USERS + SOCKETS);
    const sockets: GoimSocket[] = [];
    const openAll = async (): Promise<void> => {
      for (const [number, headers] of users.slice(HTTP_USERS).entries())
        sockets.push(await open(platform.url, headers, number));
    };
    const requests = requestsOf(users.slice(0, HTTP_USERS));
    const candidates = [
      ...CONNECTIONS.map((connections) => ({
        name: `HTTP, ${connections} connections`,
        prepare: async () => undefined,
        send: async (seconds: number): Promise<Sent> => {
          const result = await load({ url: platform.url, requests, connections, seconds });
          return { perSecond: result.requestsPerSecond, failures: result.failures };
        },
      })),
      {
        name: `${SOCKETS} sockets`,
        prepare: openAll,
        send: (seconds: number) => overSockets(sockets, seconds),
      },
    ].map((candidate) => ({ ...candidate, perSecond: [] as number[], cpuUs: [] as number[], failures: 0 }));
    for (const candidate of candidates) {
      await candidate.prepare();
      await candidate.send(WARM_UP_SECONDS);
      for (let round = 0; round < ROUNDS; round += 1) {
        const cpuBeforeMs = cpuMsOf(pid);
        const { perSecond, failures } = await candidate.send(SECONDS);
        candidate.perSecond.push(perSecond);
        candidate.cpuUs.push(((cpuMsOf(pid) - cpuBeforeMs) * 1_000) / (perSecond * SECONDS));
        candidate.failures += failures;
      }
    }
    for (const socket of sockets) socket.close();
    return candidates;
  } finally {
    await platform.stop();
  }
}

/** How many times as many reports sockets take as the better of HTTP's, the median of rounds. */
export function timesHttp(rates: readonly ReportRate[]): number {
  const [overHttp, overSockets] = [rates.slice(0, -1), rates.at(-1)];
  return median(
    (overSockets?.perSecond ?? []).map(
      (perSecond, round) => perSecond / Math.max(...overHttp.map((rate) => rate.perSecond[round] ?? 0)),
    ),
  );
}

const reportOf = (number: number): object => ({
  reports: [{ kind: "video", itemId: `movie-${number % 100}`, positionMs: 61_000, durationMs: 596_000 }],
});

function requestsOf(users: readonly Readonly<Record<string, string>>[]): LoadRequest[] {
  return users.map((headers, number) => ({
    method: "POST",
    path: "/v1/history/reports",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(reportOf(number)),
  }));
}

async function open(
  url: string,
  headers: Readonly<Record<string, string>>,
  number: number,
): Promise<GoimSocket> {
  return untilTaken(async () => {
    const socket = await GoimSocket.open(`${url}/v1/realtime`, headers);
    await socket.ask(GOIM_OPS.auth, { device: { id: `device-${number}` } });
    return socket;
  });
}

async function overSockets(sockets: readonly GoimSocket[], seconds: number): Promise<Sent> {
  const untilMs = performance.now() + seconds * 1_000;
  let [taken, failures] = [0, 0];
  const loop = async (socket: GoimSocket, number: number): Promise<void> => {
    while (performance.now() < untilMs) {
      const { body } = await socket.ask(REALTIME_OPS.report, reportOf(number));
      if (body.length === 0 || new TextDecoder().decode(body).includes('"accepted":1')) taken += 1;
      else failures += 1;
    }
  };
  const startedAtMs = performance.now();
  await Promise.all(sockets.map(loop));
  return { perSecond: (taken * 1_000) / (performance.now() - startedAtMs), failures };
}
