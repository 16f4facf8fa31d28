import { Answers, meteredOf, type Metered } from "./metered.ts";
import { shardsOf } from "./report-scenario.ts";
import { ReportingSocket } from "./reporting-socket.ts";
import type { RowMeter } from "./row-meter.ts";
import type { Seeded, Viewer } from "./viewers.ts";
import { VirtualPlatform } from "./virtual-platform.ts";

const HEARTBEAT_MS = 10_000;
/** The connection's own, by the text that the platform answers. */
const PING_EVERY = 6;
/**
 * Beyond the last window: the queue's batch, a delivery that comes again, sockets that have left.
 */
const DRAIN_MS = 60_000;

interface SocketReportScenario {
  readonly seeded: Seeded;
  readonly rowMeter: RowMeter;
  /** Of one comet, and so of one shard; how many there are follows from the viewers. */
  readonly reportsPerSecond: number;
  readonly places: number;
  /** How long each viewer's socket is open. */
  readonly sessionMs: number;
}

/**
 * Players that open a socket, sign in, send a heartbeat every ten seconds and close it: what that
 * costs is shared among the reports, all of it. Goes on until what they have sent is in D1.
 */
export async function meterSocketReports(scenario: SocketReportScenario): Promise<Metered> {
  const { seeded, rowMeter, reportsPerSecond, places, sessionMs } = scenario;
  const { viewers, secrets } = seeded;
  const shards = shardsOf(viewers.length, reportsPerSecond);
  const platform = await VirtualPlatform.start({
    secrets,
    places,
    after: seeded.past,
    vars: { HISTORY_SHARDS: String(shards) },
  });
  const { stage, meters } = platform;
  const windowMs = platform.varOf("playhead-history", "FLUSH_WINDOW_MS");
  const answers = new Answers();
  const startMs = stage.time.now();
  meters.start();
  for (const viewer of viewers) {
    const beginsAtMs = startMs + (viewer.number * HEARTBEAT_MS) / viewers.length;
    stage.time.at(beginsAtMs, () => void watch(platform, viewer, answers, sessionMs));
  }
  await stage.runUntil(startMs + HEARTBEAT_MS + sessionMs + windowMs + DRAIN_MS);
  meters.stop();
  return meteredOf(platform, answers, rowMeter);
}

/** A viewer's session. One that can't sign in counts as a report that has failed. */
async function watch(
  platform: VirtualPlatform,
  { number, headers }: Viewer,
  answers: Answers,
  sessionMs: number,
): Promise<void> {
  const { time } = platform.stage;
  const socket = await open(platform, number, headers).catch((error: unknown) => {
    void answers.note(time.now, Promise.reject(error));
    return null;
  });
  if (socket === null) return;
  const startMs = time.now();
  for (let beat = 0; beat * HEARTBEAT_MS < sessionMs; beat += 1) {
    void answers.note(time.now, socket.report(`movie-${number % 100}`, time.now() - startMs));
    if (beat % PING_EVERY === PING_EVERY - 1) socket.ping();
    await time.sleep(startMs + (beat + 1) * HEARTBEAT_MS - time.now());
  }
  socket.close();
}

async function open(
  platform: VirtualPlatform,
  number: number,
  headers: Viewer["headers"],
): Promise<ReportingSocket> {
  const socket = new ReportingSocket(await platform.connect(number, "/v1/realtime", headers));
  await socket.signIn(`phone-${number}`);
  return socket;
}
