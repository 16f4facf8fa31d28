import type { Hono } from "hono";
import * as z from "zod";
import {
  FAULT_BOARD_NAME,
  FAULT_TARGETS,
  isSharedUpstream,
  SHARED_UPSTREAMS,
  type BreakerStateRpc,
  type Fault,
  type QuotaView,
  type RateWindowRpc,
  type SharedBreakerView,
} from "../../contracts/durable.ts";
import { CodedError } from "../../contracts/errors.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { FaultBoard } from "../../platform/guard/fault-board.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { Patience } from "../../platform/call/patience.ts";
import { readJson, readQuery } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";
import { TaskGroup } from "../../resilience/task-group.ts";

export interface AvailabilityRoutesDeps {
  /** Guards the calls to the objects below. */
  readonly guard: Guard;
  readonly breakerOf: (upstream: string) => BreakerStateRpc;
  /** The databases and queues of history, by their breakers' names: config alone adds some. */
  readonly upstreamsOfHistory: (scope: RequestScope) => Promise<readonly string[]>;
  readonly windowOf: (client: string) => RateWindowRpc;
  /** Null where the var `FAULTS` is off: the route doesn't exist then. */
  readonly faults: FaultBoard | null;
  readonly now: Clock;
}

/** Shares that the window of a hot client may have. */
const SHARES_MAX = 16;
const CONCURRENCY_MAX = 4;

const limitsQuerySchema = z.object({
  client: z
    .string()
    .regex(/^(user:[0-9a-f-]{36}|address:[0-9a-z.:/]{1,64})$/, "must be user:<id> or address:<address>"),
});

const faultSchema = z.object({
  target: z.enum(FAULT_TARGETS),
  latencyMs: z.int().min(0).max(60_000).optional(),
  errorRate: z.number().min(0).max(1).optional(),
  until: z.int().min(0).optional(),
});

/**
 * What operators see of breakers and quotas, and how they make trouble on purpose where that is
 * allowed.
 */
export function addAvailabilityRoutes(app: Hono<BffEnv>, deps: AvailabilityRoutesDeps): void {
  const { guard, breakerOf, upstreamsOfHistory, windowOf, faults, now } = deps;
  const read = <T>(patience: Patience, what: string, part: string, call: () => Promise<T>): Promise<T> =>
    guard.call(what, { kind: "read", idempotent: true, ...patienceIn(patience), part }, call);

  app.get("/v1/ops/breakers", async function showBreakers(c) {
    const views = new Map<string, SharedBreakerView>();
    const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
    // While history is away operators need the rest all the more.
    const added = await upstreamsOfHistory(c.env.scope).catch((): readonly string[] => []);
    const upstreams = [...new Set([...SHARED_UPSTREAMS, ...added.filter(isSharedUpstream)])];
    for (const upstream of upstreams) {
      group.go(async () => {
        views.set(
          upstream,
          await read(c.env.scope, "read a breaker", `breaker ${upstream}`, () => breakerOf(upstream).view()),
        );
      });
    }
    await group.wait();
    return answerJson(c, {
      at: now(),
      breakers: upstreams.flatMap((upstream) => {
        const view = views.get(upstream);
        return view === undefined ? [] : [{ upstream, ...publicView(view) }];
      }),
    });
  });

  app.get("/v1/ops/limits", async function showLimits(c) {
    const { client } = readQuery(c.req.url, limitsQuerySchema);
    const quotas = new Map<string, QuotaView>();
    for (let share = 0; share < SHARES_MAX; share += 1) {
      const name = share === 0 ? client : `${client}#${share}`;
      const views = await read(c.env.scope, "read a client's window", `window ${name}`, () =>
        windowOf(name).view(),
      );
      if (views.length === 0 && share > 0) break;
      for (const view of views) quotas.set(view.policy, addedTo(quotas.get(view.policy), view));
    }
    return answerJson(c, { at: now(), client, quotas: [...quotas.values()] });
  });

  app.put("/v1/ops/faults", async function orderFault(c) {
    if (faults === null) throw new CodedError("NOT_FOUND", "No such route");
    const { target, latencyMs = 0, errorRate = 0, until } = await readJson(c.req.raw, faultSchema);
    const fault: Fault | null =
      latencyMs === 0 && errorRate === 0 ? null : { latencyMs, errorRate, untilMs: until ?? null };
    const { board, bootId } = faults;
    const { scope } = c.env;
    const plan = { kind: "write", idempotent: true, ...patienceIn(scope), part: FAULT_BOARD_NAME } as const;
    await guard.call("order a fault", plan, () => board.set(bootId, target, fault));
    const all = await read(scope, "read the faults", FAULT_BOARD_NAME, () => board.all(bootId));
    return answerJson(c, {
      faults: Object.entries(all).map(([name, { untilMs, ...rest }]) => ({
        target: name,
        ...rest,
        ...(untilMs === null ? {} : { until: untilMs }),
      })),
    });
  });
}

/** How long whoever asks will wait, out of all that their request carries. */
function patienceIn({ deadlineAtMs, isHurried = false, hangUp }: Patience): Patience {
  return { deadlineAtMs, isHurried, ...(hangUp === undefined ? {} : { hangUp }) };
}

function publicView({ openedAtMs, callers = [], ...view }: SharedBreakerView) {
  return { ...view, callers, ...(openedAtMs === null ? {} : { openedAt: openedAtMs }) };
}

/** A hot client's quota is the sum of its shares. */
function addedTo(sum: QuotaView | undefined, share: QuotaView): QuotaView {
  if (sum === undefined) return share;
  return {
    ...sum,
    limit: sum.limit + share.limit,
    remaining: sum.remaining + share.remaining,
    resetMs: Math.max(sum.resetMs, share.resetMs),
  };
}
