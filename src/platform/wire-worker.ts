import type { BreakerEngine } from "../contracts/durable.ts";
import type { CallTimer } from "./guard/call-timer.ts";
import { faultBoard, type FaultBoard } from "./guard/fault-board.ts";
import { guardKit, type MakeGuard } from "./guard/guard-kit.ts";
import { createLogger, failureFields, type Logger, type LogLevel } from "./logger.ts";
import type { ObjectNamespace } from "./objects.ts";

interface WireWorkerInput {
  /** As its log lines name it, and what operators see of breakers. */
  readonly name: string;
  readonly config: {
    readonly LOG_LEVEL: LogLevel;
    readonly BREAKER_ENGINES: Readonly<Record<string, BreakerEngine>>;
    readonly HEDGED_UPSTREAMS: readonly string[];
    readonly FAULTS: "on" | "off";
    readonly BOOT_ID: string;
  };
  readonly breakerState: ObjectNamespace;
  readonly faultBoard: ObjectNamespace;
  readonly timer: CallTimer;
  readonly background: (work: Promise<unknown>) => void;
}

interface WiredWorker {
  readonly logger: Logger;
  /** Makes the guards of all calls that leave it. */
  readonly makeGuard: MakeGuard;
  /** For whoever feels or orders faults outside of a guard; null where there are none. */
  readonly faults: FaultBoard | null;
}

/** What every worker that calls others is built on, from its config and its bindings. */
export function wireWorker({
  name,
  config,
  breakerState,
  timer,
  background,
  ...input
}: WireWorkerInput): WiredWorker {
  const logger = createLogger({ worker: name, level: config.LOG_LEVEL });
  const faults = faultBoard(config, input.faultBoard);
  const makeGuard = guardKit({
    worker: name,
    breakerStates: breakerState,
    faults,
    engines: config.BREAKER_ENGINES,
    hedgedUpstreams: config.HEDGED_UPSTREAMS,
    timer,
    background,
    onReportFailure: (upstream, error) =>
      logger.warn("shared breaker not reached", { upstream, ...failureFields(error) }),
  });
  return { logger, makeGuard, faults };
}
