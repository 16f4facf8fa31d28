import { REALTIME_OPS } from "../../../src/contracts/realtime.ts";
import { GOIM_OPS } from "../../../src/protocol/goim-packet.ts";
import { GoimSocket } from "../../../testbed/sockets/goim-socket.ts";
import { untilTaken } from "../../../testbed/until-taken.ts";
import { report, type Headers } from "../cost/clients.ts";
import { signedIn, startMeasured, WITHOUT_HASHING } from "../cost/measured-cpu.ts";
import { startWhole } from "../measured-platforms.ts";

/** So many take the parts of all viewers: signing in is no part of this. */
const PEOPLE = 200;
/** Of all of them together, as 2,000 viewers with a heartbeat each ten seconds send. */
const PACE = { perSecond: 200, seconds: 12 } as const;

/** CPU time a report takes of the runtime, in ms: all workers and objects of its path. */
export interface ReportCpuMs {
  readonly http: number;
  readonly sockets: number;
}

/** Measured in the real runtime, over HTTP and then over sockets. */
export async function measureReportCpu(): Promise<ReportCpuMs> {
  const platform = await startMeasured(startWhole, WITHOUT_HASHING);
  const { api, url, cpuOf, stop } = platform;
  try {
    const people = await signedIn(api, PEOPLE);
    const headersOf = (sent: number): Headers => people[sent % PEOPLE] ?? {};
    const http = await cpuOf(PACE, (sent) => report(api, sent % PEOPLE, headersOf(sent), sent));
    const sockets: GoimSocket[] = [];
    for (const [number, headers] of people.entries()) {
      await untilTaken(async () => {
        const socket = await GoimSocket.open(`${url}/v1/realtime`, headers);
        await socket.ask(GOIM_OPS.auth, { device: { id: `device-${number}` } });
        sockets.push(socket);
      });
    }
    const overSocket = async (sent: number): Promise<void> => {
      const item = { kind: "video", itemId: `movie-${sent % 100}`, positionMs: sent, durationMs: 5_400_000 };
      await sockets[sent % PEOPLE]?.ask(REALTIME_OPS.report, { reports: [item] });
    };
    return { http, sockets: await cpuOf(PACE, overSocket) };
  } finally {
    await stop();
  }
}
