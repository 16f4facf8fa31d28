import { codeOf } from "../../../src/contracts/errors.ts";
import type { GoldenCall } from "../../fixtures/golden/golden-records.ts";
import type { Replay } from "./replay.ts";

type Methods = Readonly<Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined>>;

/** Nothing here is about time that runs out. */
const ENOUGH_MS = 10_000;

/**
 * Makes the calls again, in their order. Answers where this release differs from the one before;
 * throws where there is nothing to be made again, which would prove nothing.
 */
export async function replayedCalls(
  calls: readonly GoldenCall[],
  replay: Replay,
  serviceOf: (call: GoldenCall) => object,
): Promise<readonly string[]> {
  if (calls.length === 0) throw new Error("nobody has called anything: is a name another one now?");
  const differences: string[] = [];
  for (const call of calls) {
    const { target, method, error } = call;
    const args = (replay.ours(call.args) as readonly unknown[]).map(withEnoughTime);
    const path = `${target}.${method}`;
    const service = serviceOf(call) as Methods;
    if (service[method] === undefined) {
      differences.push(`${path}: is there no more`);
      continue;
    }
    try {
      const answer = await service[method](...args);
      if (error === undefined) differences.push(...replay.differences(call.answer, answer, path));
      else differences.push(`${path}: failed as ${String(error["code"])} and answers now`);
    } catch (thrown) {
      if (error?.["code"] !== codeOf(thrown))
        differences.push(`${path} ${JSON.stringify(args).slice(0, 400)}: ${String(thrown)}`);
    }
  }
  return differences;
}

function withEnoughTime(arg: unknown): unknown {
  const isContext = typeof arg === "object" && arg !== null && "remainingMs" in arg && "requestId" in arg;
  return isContext ? { ...arg, remainingMs: ENOUGH_MS } : arg;
}
