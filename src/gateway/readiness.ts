import { CodedError, codeOf } from "../contracts/errors.ts";
import {
  audienceOf,
  ofEachUpstream,
  READY_PATH,
  REQUEST_ID_HEADER,
  SPENDING_CAP_HEADER,
  TRACEPARENT_HEADER,
  UPSTREAM_NAMES,
  type UpstreamName,
} from "../contracts/internal-request.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import type { Guard } from "../platform/guard/guard.ts";
import type { Clock } from "../resilience/clock.ts";
import { SteadyTime } from "../resilience/steady-time.ts";
import { TaskGroup } from "../resilience/task-group.ts";
import type { GatewayScope } from "./request-scope.ts";

/**
 * What is known of each upstream. `unknown`: it was not asked, since it has so much to do that
 * onlookers are refused, or since no place was left to ask from. That is no failure of its.
 * `spending_cap`: it is well, and what it needs is refused because the account is at its cap.
 */
type UpstreamState = "ok" | "failed" | "unknown" | "spending_cap";
export type UpstreamStates = Readonly<Record<UpstreamName, UpstreamState>>;

export interface ReadinessDeps {
  readonly upstreams: Readonly<Record<UpstreamName, { fetch(request: Request): Promise<Response> }>>;
  /** Guards of its own: a readiness check takes no place from the traffic, and is refused first. */
  readonly readyGuards: Readonly<Record<UpstreamName, Guard>>;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

/** For so long an answer holds, for everybody. */
const FRESH_MS = 1_000;
/**
 * While the next one is on its way an older one does, up to this age; an upstream that hangs is
 * known by then.
 */
const STALE_MS = FRESH_MS + CALL_TIMEOUT_MS.readyAnswer;
/**
 * So long one waits for another's answer: until the one who asks is lost, and for the answer of a
 * second.
 */
const WAIT_MS_MAX = 2 * CALL_TIMEOUT_MS.readyAnswer;
const POLL_MS = 10;

/**
 * Whether all upstreams are ready. Anybody may ask, and to find out is dear: it is found out once a
 * second in an isolate at most, whoever asks, and by one at a time. The answer lives in the isolate
 * as a hint, never as a promise: a request must not wait for another's, so that it looks whether
 * the answer has come.
 */
export class Readiness {
  readonly #deps: ReadinessDeps;
  readonly #time = new SteadyTime(STALE_MS);
  #known: UpstreamStates | null = null;
  #knownAtMs = Number.NEGATIVE_INFINITY;
  #askingSinceMs: number | null = null;

  constructor(deps: ReadinessDeps) {
    this.#deps = deps;
  }

  /**
   * Throws `UNAVAILABLE` where those who asked never got an answer.
   *
   * @param background - takes the work, so that a client who hangs up doesn't end it for those who
   *   wait
   */
  async states(scope: GatewayScope, background: (work: Promise<unknown>) => void): Promise<UpstreamStates> {
    const startedAtMs = this.#nowMs();
    for (;;) {
      const atMs = this.#nowMs();
      const ageMs = atMs - this.#knownAtMs;
      const isAsking =
        this.#askingSinceMs !== null && atMs - this.#askingSinceMs < CALL_TIMEOUT_MS.readyAnswer;
      if (this.#known !== null && ageMs < (isAsking ? STALE_MS : FRESH_MS)) return this.#known;
      if (!isAsking) return this.#find(scope, background);
      if (atMs - startedAtMs >= WAIT_MS_MAX)
        throw new CodedError("UNAVAILABLE", "It isn't known whether all is ready", {
          retryAfterMs: FRESH_MS,
        });
      await this.#deps.sleep(POLL_MS);
    }
  }

  #find(scope: GatewayScope, background: (work: Promise<unknown>) => void): Promise<UpstreamStates> {
    const askedAtMs = this.#nowMs();
    this.#askingSinceMs = askedAtMs;
    const finding = checkUpstreams(this.#deps, scope).then((states) => {
      this.#known = states;
      this.#knownAtMs = this.#nowMs();
      if (this.#askingSinceMs === askedAtMs) this.#askingSinceMs = null;
      return states;
    });
    background(finding);
    return finding;
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }
}

/**
 * Asks all of them at once, each through its guard. A child that fails says so in the result rather
 * than ending the others: the answer names every culprit.
 */
async function checkUpstreams(
  { upstreams, readyGuards, now }: ReadinessDeps,
  scope: GatewayScope,
): Promise<UpstreamStates> {
  const states: Record<UpstreamName, UpstreamState> = ofEachUpstream(() => "failed");
  const headers = { [REQUEST_ID_HEADER]: scope.requestId, [TRACEPARENT_HEADER]: scope.traceparent };
  const plan = {
    kind: "read",
    idempotent: false,
    criticality: "sheddable",
    deadlineAtMs: now() + CALL_TIMEOUT_MS.readyAnswer,
  } as const;
  const group = new TaskGroup();
  for (const name of UPSTREAM_NAMES) {
    group.go(async () => {
      const request = new Request(`http://${name}${READY_PATH}`, { headers });
      try {
        const response = await readyGuards[name].call(
          `ask ${audienceOf(name)} whether it is ready`,
          plan,
          () => upstreams[name].fetch(request),
        );
        await response.body?.cancel();
        if (response.ok) states[name] = "ok";
        else if (response.headers.has(SPENDING_CAP_HEADER)) states[name] = "spending_cap";
      } catch (error) {
        // Else it stays "failed"; it has logged why itself, or could not be reached at all. It
        // can't throw this code itself: what it refuses comes as an answer.
        if (codeOf(error) === "OVERLOADED") states[name] = "unknown";
      }
    });
  }
  await group.wait();
  return states;
}
