import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryPlayback } from "../../src/contracts/history.ts";

interface CrowdEnv {
  readonly PLAYBACK: HistoryPlayback;
  readonly COUNTS: { counts(): Promise<Readonly<Record<string, number>>> };
}

export interface Crowd {
  readonly users: readonly string[];
  readonly itemId: string;
  /** How long each of them waits, in ms. */
  readonly remainingMs: number;
}

function ctxOf(userId: string, remainingMs: number): CallContext {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const principal = { userId, sessionId: "a-session", roles: ["user" as const] };
  return { requestId: userId, traceparent, remainingMs, principal };
}

/** Crowds that have been sent, and those of them that were answered: others were dropped. */
let begun = 0;
let finished = 0;

/**
 * Reports for all users of a crowd at once, each in a call of its own, and answers what each was
 * told: `accepted`, or the message of an error. A GET answers what shards were called for, and how
 * many crowds there were.
 */
export default {
  async fetch(request: Request, env: CrowdEnv): Promise<Response> {
    if (request.method === "GET") return Response.json({ ...(await env.COUNTS.counts()), begun, finished });
    const { users, itemId, remainingMs } = await request.json<Crowd>();
    begun += 1;
    const at = Date.now();
    const reports = [{ kind: "video", itemId, positionMs: 20_000, event: "playing" as const, at }];
    const answers = users.map((userId) =>
      env.PLAYBACK.report(ctxOf(userId, remainingMs), reports).then(
        ({ accepted }) => accepted,
        (error: unknown) => String(error),
      ),
    );
    const told = await Promise.all(answers);
    finished += 1;
    return Response.json(told);
  },
};
