import { Agent, request } from "node:http";
import { median } from "./median.ts";

/** What came of a load that is offered whether or not it is answered. */
export interface Offered {
  readonly offeredPerSecond: number;
  /** Answers 200 within the client's patience. */
  readonly goodPerSecond: number;
  /** Refusals, quick ones: 429 and 503. */
  readonly refusedPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface OpenLoopOptions {
  readonly url: string;
  readonly headers: readonly Readonly<Record<string, string>>[];
  readonly perSecond: number;
  readonly seconds: number;
  /** At the beginning, in which nothing is measured. */
  readonly warmUpSeconds: number;
  readonly patienceMs: number;
}

interface Sample {
  readonly status: number;
  readonly ms: number;
}

const TICK_MS = 5;
const SOCKETS_MAX = 4_000;

/**
 * Sends at a fixed rate, as a crowd does that knows nothing of the others. Ends by itself; answers
 * after the client's patience count as none.
 */
export async function offer({
  url,
  headers,
  perSecond,
  seconds,
  warmUpSeconds,
  patienceMs,
}: OpenLoopOptions): Promise<Offered> {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  const samples: Sample[] = [];
  const startedAtMs = performance.now();
  const endMs = seconds * 1_000;
  const measuredFromMs = warmUpSeconds * 1_000;
  let sent = 0;
  let measured = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedAtMs;
    if (elapsedMs >= endMs) break;
    for (const due = (elapsedMs * perSecond) / 1_000; sent < due; sent += 1) {
      const isMeasured = elapsedMs >= measuredFromMs;
      if (isMeasured) measured += 1;
      send(
        agent,
        url,
        headers[sent % headers.length] ?? {},
        patienceMs,
        (sample) => void (isMeasured && samples.push(sample)),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await new Promise((resolve) => setTimeout(resolve, patienceMs + 100));
  agent.destroy();
  return summary(samples, measured, seconds - warmUpSeconds);
}

function send(
  agent: Agent,
  url: string,
  headers: Readonly<Record<string, string>>,
  patienceMs: number,
  done: (sample: Sample) => void,
): void {
  const startedAtMs = performance.now();
  const outgoing = request(url, { agent, headers, timeout: patienceMs }, (response) => {
    response.resume();
    response.on("end", () => done({ status: response.statusCode ?? 0, ms: performance.now() - startedAtMs }));
  });
  outgoing.on("error", () => undefined);
  outgoing.end();
}

function summary(samples: readonly Sample[], measured: number, seconds: number): Offered {
  const good = samples.filter(({ status, ms }) => status === 200 && ms <= 1_000).map(({ ms }) => ms);
  const sorted = good.toSorted((a, b) => a - b);
  return {
    offeredPerSecond: measured / seconds,
    goodPerSecond: good.length / seconds,
    refusedPerSecond: samples.filter(({ status }) => status === 429 || status === 503).length / seconds,
    p50Ms: sorted.length === 0 ? Number.NaN : median(sorted),
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
  };
}
