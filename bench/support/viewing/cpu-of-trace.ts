import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { RunningPlatform } from "../../../scripts/runtime/platform.ts";
import type { TraceRequest } from "../../../testbed/viewing/viewing-trace.ts";
import { signedIn, startMeasured, WITHOUT_HASHING, type MeasuredPlatform } from "../cost/measured-cpu.ts";
import {
  startUnguarded,
  startUpstash,
  startWhole,
  startWriteThrough,
  type WholeOptions,
} from "../measured-platforms.ts";
import { median } from "../median.ts";
import { CANDIDATES, type CandidateName } from "./candidates.ts";
import { CountedUpstash } from "./counted-upstash.ts";
import { reportsIn, sendCall } from "./trace-calls.ts";

/** CPU time of the runtime that a report takes, by candidate, in ms. */
export type CpuOfTrace = Readonly<Record<CandidateName, number>>;

type Start = (options: WholeOptions) => Promise<RunningPlatform>;

interface Started {
  readonly name: CandidateName;
  readonly platform: MeasuredPlatform;
  readonly send: (number: number) => Promise<void>;
  readonly perCallMs: number[];
}

/** So many take the parts of all viewers: signing in is no part of this. */
const PEOPLE = 50;
const PACE = { perSecond: 150, seconds: 2, warmUpSeconds: 1 } as const;
const ROUNDS = 3;
const SAMPLE = 900;

/**
 * Measured in the real runtime, as all CPU time of the cost benchmark is, by a sample of the
 * trace's calls: the median of rounds in which the candidates take turns. What is flushed after it
 * isn't in it, for any of them.
 */
export async function measureCpuOfTrace(calls: readonly TraceRequest[]): Promise<CpuOfTrace> {
  const sample = sampleOf(calls, SAMPLE);
  const perCall = reportsIn(sample) / sample.length;
  const redis = await listen(new CountedUpstash());
  const starts: Readonly<Record<CandidateName, Start>> = {
    shards: startWhole,
    writeThrough: startWriteThrough,
    unguarded: startUnguarded,
    upstash: (options) => startUpstash(redis.url, options),
  };
  const started: Started[] = [];
  try {
    for (const name of CANDIDATES) started.push(await startCandidate(name, starts[name], sample));
    for (let round = 0; round < ROUNDS; round += 1)
      for (const { platform, send, perCallMs } of started) perCallMs.push(await platform.cpuOf(PACE, send));
    const ofOne = started.map(({ name, perCallMs }) => [name, median(perCallMs) / perCall] as const);
    return Object.fromEntries(ofOne) as Record<CandidateName, number>;
  } finally {
    for (const { platform } of started) await platform.stop();
    redis.server.close();
  }
}

async function startCandidate(
  name: CandidateName,
  start: Start,
  sample: readonly TraceRequest[],
): Promise<Started> {
  const platform = await startMeasured(start, WITHOUT_HASHING);
  const people = await signedIn(platform.api, PEOPLE);
  const startMs = Date.now();
  const send = async (number: number): Promise<void> => {
    const call = sample[number % sample.length];
    if (call === undefined) throw new Error("the trace has no calls");
    const viewer = call.viewer % PEOPLE;
    await sendCall(platform.api, { ...call, viewer }, { headers: people[viewer] ?? {}, startMs });
  };
  return { name, platform, send, perCallMs: [] };
}

/** Calls of all sizes, each as often as the trace has it, and in the trace's order. */
function sampleOf(calls: readonly TraceRequest[], count: number): readonly TraceRequest[] {
  const every = Math.max(1, Math.floor(calls.length / count));
  return calls
    .toSorted((a, b) => a.reports.length - b.reports.length)
    .filter((_call, place) => place % every === every - 1)
    .sort((a, b) => a.sentAtMs - b.sentAtMs);
}

async function listen(upstash: CountedUpstash): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const asked = new Request(`http://upstash${request.url ?? ""}`, { method: "POST", body });
      void upstash.answer(asked).then(async (answer) => {
        response.writeHead(answer.status, { "content-type": "application/json" });
        response.end(await answer.text());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
