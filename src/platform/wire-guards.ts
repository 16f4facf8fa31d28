import { describeCauses } from "../contracts/errors.ts";
import { guardKit, type BreakerEngine, type MakeGuard } from "./guard-kit.ts";
import type { CallTimer } from "./call-timer.ts";
import type { Logger } from "./logger.ts";
import type { ObjectNamespace } from "./objects.ts";

interface WireGuardsInput {
  readonly config: {
    readonly BREAKER_ENGINES: Readonly<Record<string, BreakerEngine>>;
    readonly HEDGED_UPSTREAMS: readonly string[];
    readonly FAULTS: "on" | "off";
    readonly BOOT_ID: string;
  };
  readonly breakerState: ObjectNamespace;
  readonly faultBoard: ObjectNamespace;
  readonly timer: CallTimer;
  readonly background: (work: Promise<unknown>) => void;
  readonly logger: Logger;
}

/** The guards of a worker, from its config and its bindings. */
export function wireGuards({
  config,
  breakerState,
  faultBoard,
  timer,
  background,
  logger,
}: WireGuardsInput): MakeGuard {
  return guardKit({
    breakerStates: breakerState,
    faults: config.FAULTS === "on" ? { board: faultBoard, bootId: config.BOOT_ID } : null,
    engines: config.BREAKER_ENGINES,
    hedgedUpstreams: config.HEDGED_UPSTREAMS,
    timer,
    background,
    onReportFailure: (upstream, error) =>
      logger.warn("shared breaker not reached", { upstream, causes: describeCauses(error) }),
  });
}
