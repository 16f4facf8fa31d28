import { CodedError } from "../../contracts/errors.ts";
import type { Fault, FaultBoardRpc, FaultTarget } from "../../contracts/durable.ts";

/**
 * Makes calls to one upstream go wrong as operators ordered. Exists only where the var `FAULTS` is
 * on.
 */
export interface FaultInjector {
  around<T>(call: () => Promise<T>): Promise<T>;
}

interface FaultInjectorDeps {
  readonly board: Pick<FaultBoardRpc, "faultOf">;
  readonly bootId: string;
  readonly target: FaultTarget;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * Asks the board before every call, so that a fault is felt at once everywhere. A board that can't
 * be reached injects nothing: a tool for making trouble must not be trouble itself.
 */
export function faultInjector({ board, bootId, target, random, sleep }: FaultInjectorDeps): FaultInjector {
  const inForce = async (): Promise<Fault | null> => {
    try {
      // Whether its time is over the board says, for all workers by one clock.
      return await board.faultOf(bootId, target);
    } catch {
      return null;
    }
  };
  return {
    async around(call) {
      const fault = await inForce();
      if (fault === null) return call();
      if (fault.latencyMs > 0) await sleep(fault.latencyMs);
      if (random() < fault.errorRate)
        throw new CodedError("UNAVAILABLE", `a fault was injected into ${target}`);
      return call();
    },
  };
}
