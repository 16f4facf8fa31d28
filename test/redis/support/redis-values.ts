import { RedisValues } from "../../../src/history/data/redis-values.ts";
import { guardKit } from "../../../src/platform/guard/guard-kit.ts";
import { clearingTimer } from "../../../src/platform/guard/call-timer.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import type { FrontAndServer } from "./front-and-server.ts";

/** What the history worker makes of a front, in this process. */
export function redisValues(
  { url, token }: Pick<FrontAndServer, "url" | "token">,
  more: { readonly timeoutMs?: number; readonly takesNew?: boolean } = {},
): RedisValues {
  const { timeoutMs = CALL_TIMEOUT_MS.cache, takesNew = true } = more;
  const makeGuard = guardKit({
    worker: "playhead-history",
    breakerStates: null,
    faults: null,
    engines: {},
    hedgedUpstreams: [],
    timer: clearingTimer,
    background: () => undefined,
    onReportFailure: () => undefined,
  });
  return new RedisValues({
    endpoints: [
      { name: "a", url, token, guard: makeGuard("history-redis-a", { timeoutMs, maxConcurrent: 512 }) },
    ],
    takesNew,
    timeoutMs,
    random: Math.random,
    onUnreadable: (error) => {
      throw error;
    },
  });
}
