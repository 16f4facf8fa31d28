import { currentPatience } from "../../platform/call/current-patience.ts";
import { callAcrossReleases } from "../../platform/call/rpc.ts";
import { objectError } from "../../platform/database/platform-errors.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import type { CallObject } from "../biz/ports.ts";

interface ObjectCallsDeps<T> {
  readonly named: (name: string) => T;
  /** One object that is ill closes none of the others. */
  readonly guard: Guard;
  /** What a call may take, in ms. */
  readonly timeoutMs: number;
}

/**
 * Calls objects by name within the time of the request that asks, or as long as one call may take.
 * What changes something is made once: nobody knows whether a push that has failed was heard.
 */
export function objectCalls<T extends object>({
  named,
  guard,
  timeoutMs,
}: ObjectCallsDeps<T>): CallObject<T> {
  return function callObject(name, what, kind, call) {
    const plan = { kind, idempotent: kind === "read", part: name, timeoutMs, ...currentPatience() };
    return guard.call(what, plan, async () => {
      try {
        return await callAcrossReleases(what, () => call(named(name)));
      } catch (cause) {
        throw objectError(cause, what);
      }
    });
  };
}
