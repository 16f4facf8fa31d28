import { expect, it } from "vitest";
import { CodedError, codeOf, hintsOf, type CodedErrorOptions } from "../../../src/contracts/errors.ts";
import { d1Error, objectError } from "../../../src/platform/database/platform-errors.ts";
import type { CallPlan } from "../../../src/platform/guard/call-plan.ts";
import { guardedD1 } from "../../../src/platform/guard/guarded-d1.ts";
import type { Breaker } from "../../../src/resilience/breaker/breaker.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import type { OverloadLimiter } from "../../../src/resilience/overload/overload-limiter.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

/*
 * At the account's spending cap the platform refuses at once, whatever is called: no guard may take
 * that for an upstream that is ill, or quick, or worth another try.
 */

const OBJECTS = "Exceeded the account's spending cap for Durable Objects.";
const D1 = "D1_ERROR: Exceeded the account's spending cap for D1";
const CALLS = 50;

type Plan = Partial<CallPlan<unknown>>;

/** What a guard makes of calls that end so, and what its parts hear of them. */
async function heardOf(
  end: () => unknown,
  more: Plan = {},
  { breaker = new HystrixBreaker(), nowMs = 1 }: { readonly breaker?: Breaker; readonly nowMs?: number } = {},
) {
  const [outcomes, works]: [string[], string[]] = [[], []];
  const overload = {
    admit: () => true,
    done: (_nowMs: number, _startedAtMs: number, outcome: string) => void works.push(outcome),
  } as unknown as OverloadLimiter;
  const watched: Breaker = {
    admit: (nowMs, random) => breaker.admit(nowMs, random),
    record: (nowMs, outcome, admission) => {
      outcomes.push(outcome);
      breaker.record(nowMs, outcome, admission);
    },
    view: (nowMs) => breaker.view(nowMs),
  };
  const guard = testGuard({ now: () => nowMs, breaker: watched, overload });
  const plan: CallPlan<unknown> = {
    kind: "read",
    idempotent: true,
    deadlineAtMs: Number.POSITIVE_INFINITY,
    ...more,
  };
  let sent = 0;
  const errors: unknown[] = [];
  for (let call = 0; call < CALLS; call += 1)
    await guard
      .call("ask", plan, async () => {
        sent += 1;
        return end();
      })
      .catch((error: unknown) => errors.push(error));
  return { sent, errors, outcomes: new Set(outcomes), works: new Set(works), view: breaker.view(nowMs) };
}

const throwing = (error: unknown) => (): never => {
  throw error;
};
const AS_NOBODYS = { outcomes: new Set(["cancelled"]), works: new Set(["none"]) };

// I45
it.each([
  ["of the platform itself", new Error(OBJECTS)],
  ["of an object, by whoever calls it", objectError(new Error(OBJECTS), "ask an object")],
  ["of a database", d1Error(new Error(D1), "read")],
  [
    "that a service of the release before took for an outage",
    new CodedError("UNAVAILABLE", "read", { cause: new Error(D1) }),
  ],
  ["that a service passes on", new CodedError("SPENDING_CAP", "list", { failedBelow: true })],
])(
  "a refusal at the cap %s is made once, and neither breaker nor limiter hears of it",
  async (_of, error) => {
    const heard = await heardOf(throwing(error));
    expect(heard).toMatchObject({ sent: CALLS, ...AS_NOBODYS, view: { state: "closed", total: 0 } });
    expect(heard.errors[0]).toMatchObject({
      code: "SPENDING_CAP",
      retryAfterMs: 300_000,
      mustNotRetry: true,
      failedBelow: true,
    });
  },
);

// I45
it("an answer that says so is the same", async () => {
  const failureOf = () => ({ code: "SPENDING_CAP" }) as const;
  expect(await heardOf(() => "503", { failureOf })).toMatchObject({
    sent: CALLS,
    errors: [],
    ...AS_NOBODYS,
    view: { state: "closed", total: 0 },
  });
});

it("a write that is refused so was not made, and nobody is invited to ask for it again at once", async () => {
  const { errors } = await heardOf(throwing(new Error(D1)), { kind: "write", keyed: true });
  expect(hintsOf(errors[0])).toMatchObject({ mustNotRetry: true, retryAfterMs: 300_000 });
});

it("a trial that meets the cap neither closes its breaker nor has it wait for longer", async () => {
  const breaker = new HystrixBreaker();
  breaker.trip(0);
  const { outcomes, view } = await heardOf(throwing(new Error(OBJECTS)), {}, { breaker, nowMs: 5_000 });
  expect([outcomes, view.state]).toEqual([new Set(["cancelled"]), "open"]);
  expect(breaker.admit(6_100).kind).toBe("trial");
});

it("a breaker that was open before the cap refuses by its name once a trial has met it, for as long as that is news", async () => {
  const breaker = new HystrixBreaker();
  breaker.trip(0);
  const clock = { nowMs: 5_000 };
  const guard = testGuard({ now: () => clock.nowMs, breaker });
  const plan = { kind: "read", idempotent: false, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
  const told = async (end: () => Promise<unknown>): Promise<unknown> =>
    guard.call("ask", plan, end).then(
      () => "answered",
      (error: unknown) => [codeOf(error), hintsOf(error)],
    );
  const hints = { retryAfterMs: 300_000, mustNotRetry: true, failedBelow: true };
  expect(await told(throwing(new Error(OBJECTS)))).toMatchObject(["SPENDING_CAP", hints]);
  expect(await told(async () => "never sent")).toMatchObject(["SPENDING_CAP", hints]);
  clock.nowMs += 2_000;
  expect(await told(throwing(new Error("away")))).toMatchObject(["UNAVAILABLE", {}]);
  expect(await told(async () => "never sent")).toMatchObject(["CIRCUIT_OPEN", {}]);
});

it.each(["all", "run", "batch"] as const)(
  "D1's %s is refused with the code, behind its guard",
  async (method) => {
    const db = {
      prepare: () => ({ all: throwing(new Error(D1)), run: throwing(new Error(D1)) }),
      batch: throwing(new Error(D1)),
    } as unknown as D1Database;
    const guarded = guardedD1(db, { guard: testGuard({ now: () => 1 }), patience: "one call" });
    const statement = guarded.prepare("SELECT 1");
    const asked = method === "batch" ? guarded.batch([statement]) : statement[method]();
    await expect(
      asked.catch((error: unknown) => Promise.reject(d1Error(error, "ask"))),
    ).rejects.toMatchObject({
      code: "SPENDING_CAP",
      retryAfterMs: 300_000,
    });
  },
);

it("a caller of the release before, which doesn't know the code, leaves the service alone all the same", async () => {
  const error = Object.assign(new Error("list"), {
    code: "A_CODE_OF_LATER",
    retryAfterMs: 300_000,
    mustNotRetry: true,
    failedBelow: true,
  } satisfies CodedErrorOptions & { code: string });
  const heard = await heardOf(throwing(error));
  expect(heard).toMatchObject({ sent: CALLS, view: { state: "closed", failures: 0 } });
  expect(heard.errors[0]).toMatchObject({ code: "UNAVAILABLE", retryAfterMs: 300_000 });
});
