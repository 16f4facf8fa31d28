import { describe, expect, it } from "vitest";
import { ClientLimits, type Admission } from "../../src/gateway/client-limits.ts";
import { limitPolicies, type LimitModes, type LimitPolicyName } from "../../src/gateway/limit-policies.ts";
import { createLogger } from "../../src/platform/logger.ts";
import { MemoryWindows } from "../support/workers/memory-windows.ts";
import { testGuard } from "../support/workers/test-guard.ts";
import { VirtualTime } from "../../testbed/virtual-time.ts";

const ADA = "user:ada";

/**
 * One gateway isolate's limits over the real windows, with what it does beside the requests kept
 * for the test to await.
 */
function limitsOf({
  scale = 1,
  modes = {},
  clock = new VirtualTime(),
  windows,
  release = "this",
}: {
  scale?: number;
  modes?: LimitModes;
  clock?: VirtualTime;
  windows?: MemoryWindows;
  /** The one before told of every request. */
  release?: "this" | "before";
} = {}) {
  const memory = windows ?? new MemoryWindows(clock.now);
  let background: Promise<unknown>[] = [];
  const limits = new ClientLimits({
    windowOf: memory.windowOf,
    guard: testGuard({ now: clock.now, upstream: "rate-window" }),
    scale,
    now: clock.now,
    random: () => 0,
    background: (work) => void background.push(work),
    logger: createLogger({ worker: "test", level: "silent" }),
  });
  const policies = limitPolicies(modes);
  const admit = (policy: LimitPolicyName, client = ADA): Admission | Promise<Admission> =>
    limits.admit(release === "this" ? policies[policy] : { ...policies[policy], quietShare: 0 }, client, {
      deadlineAtMs: clock.now() + 1_000,
    });
  /** Whether a request is admitted; the background's work is done before it answers. */
  const tries = async (policy: LimitPolicyName, client = ADA): Promise<boolean> => {
    try {
      return (await admit(policy, client)).kind === "admitted";
    } finally {
      await Promise.all(background);
      background = [];
    }
  };
  return { clock, windows: memory, admit, tries };
}

async function countAdmitted(tries: () => Promise<boolean>, times: number): Promise<number> {
  let admitted = 0;
  for (let index = 0; index < times; index += 1) if (await tries()) admitted += 1;
  return admitted;
}

describe("a policy admits", () => {
  it.each([
    ["default", 120],
    ["anonymous", 60],
    ["reports", 600],
    ["register", 10],
    ["login", 10],
    ["password", 10],
    ["erase", 10],
  ] as const)("%s: %i in a minute, and not one more", async (policy, limit) => {
    const { tries, clock } = limitsOf();
    expect(await countAdmitted(() => tries(policy), limit)).toBe(limit);
    expect(await tries(policy)).toBe(false);
    clock.turn(121_000);
    expect(await tries(policy)).toBe(true);
  });

  it("as many times more as the scale says", async () => {
    const { tries } = limitsOf({ scale: 3 });
    expect(await countAdmitted(() => tries("login"), 40)).toBe(30);
  });

  it("each client by itself", async () => {
    const { tries } = limitsOf();
    await countAdmitted(() => tries("login", "address:a"), 12);
    expect([await tries("login", "address:a"), await tries("login", "address:b")]).toEqual([false, true]);
  });

  it("strictly, of fifty at once exactly the limit", async () => {
    const { admit } = limitsOf();
    const outcomes = await Promise.all(Array.from({ length: 50 }, async () => admit("login")));
    expect(outcomes.filter(({ kind }) => kind === "admitted")).toHaveLength(10);
  });

  it.each(["strict", "lease", "async"] as const)(
    "of three hundred that come while the window answers no more than the limit (%s)",
    async (mode) => {
      const { admit } = limitsOf({ modes: { default: mode } });
      const outcomes: Promise<Admission>[] = [];
      for (let request = 0; request < 300; request += 1) {
        outcomes.push(Promise.resolve().then(() => admit("default")));
        // Some answers are there when the next requests come, and others are still on their way.
        if (request % 20 === 19) await Promise.resolve();
      }
      const admitted = (await Promise.all(outcomes)).filter(({ kind }) => kind === "admitted");
      expect(admitted).toHaveLength(120);
    },
  );

  it.each(["strict", "lease", "async"] as const)(
    "never refuses a client under its limit (%s)",
    async (mode) => {
      const { tries, clock } = limitsOf({ modes: { default: mode } });
      for (let request = 0; request < 400; request += 1) {
        expect(await tries("default")).toBe(true);
        clock.turn(510);
      }
    },
  );

  it.each(["strict", "lease", "async"] as const)(
    "within 0.9-1.1 of the limit a window of a flood at ten times of it (%s)",
    async (mode) => {
      const { tries, clock } = limitsOf({ modes: { default: mode } });
      const step = async (): Promise<boolean> => {
        clock.turn(50);
        return tries("default");
      };
      await countAdmitted(step, 1_200);
      for (let window = 0; window < 3; window += 1) {
        const admitted = await countAdmitted(step, 1_200);
        expect(admitted).toBeGreaterThanOrEqual(108);
        expect(admitted).toBeLessThanOrEqual(132);
      }
    },
  );
});

describe("the headers", () => {
  it("tell policy, what is left, and when more is free", async () => {
    const { admit } = limitsOf();
    expect(await admit("default")).toEqual({
      kind: "admitted",
      quota: {
        policy: '"default";q=120;w=60',
        limit: expect.stringMatching(/^"default";r=119;t=\d+$/),
      },
    });
  });

  it.each(["strict", "lease", "async"] as const)(
    "never tell of more than the policy has: r <= q, and t <= w (%s)",
    async (mode) => {
      for (const scale of [1, 777]) {
        const { admit, clock } = limitsOf({ scale, modes: { default: mode } });
        for (let request = 0; request < 400; request += 1) {
          clock.turn(request % 7 === 0 ? 1_701 : 13);
          const { quota } = await admit("default");
          const [, q, w] = /;q=(\d+);w=(\d+)$/.exec(quota.policy) ?? [];
          const [, r, t] = /;r=(\d+);t=(\d+)$/.exec(quota.limit) ?? [];
          expect(Number(r)).toBeLessThanOrEqual(Number(q));
          expect(Number(t)).toBeLessThanOrEqual(Number(w));
        }
      }
    },
  );

  it("come with a denial too, whose Retry-After is never before t", async () => {
    const { tries, admit } = limitsOf();
    await countAdmitted(() => tries("login"), 10);
    const denial = await admit("login");
    if (denial.kind !== "denied") throw new Error("it was admitted");
    const t = Number(/t=(\d+)$/.exec(denial.quota.limit)?.[1]);
    expect(denial.quota.limit).toContain("r=0");
    expect(Math.ceil(denial.retryAfterMs / 1_000)).toBeGreaterThanOrEqual(t);
  });

  it("promise no earlier time than the one at which a request is admitted", async () => {
    const { tries, admit, clock } = limitsOf();
    await countAdmitted(() => tries("login"), 10);
    const denial = await admit("login");
    if (denial.kind !== "denied") throw new Error("it was admitted");
    clock.turn(denial.retryAfterMs);
    expect(await tries("login")).toBe(true);
  });
});

describe("windows", () => {
  it("are waited for by nobody in the steady state, and told beside the requests", async () => {
    const { admit, tries, clock, windows } = limitsOf();
    await tries("reports");
    const callsBefore = windows.calls;
    for (let request = 0; request < 500; request += 1) {
      clock.turn(20);
      expect(admit("reports")).not.toBeInstanceOf(Promise);
      await tries("reports").catch(() => undefined);
      if (request === 290) break;
    }
    expect(windows.calls - callsBefore).toBeGreaterThan(0);
    expect(windows.calls - callsBefore).toBeLessThanOrEqual(31);
  });

  it("killed in a flood neither open the gate nor close it", async () => {
    const { tries, clock, windows } = limitsOf({ modes: { default: "strict" } });
    let admitted = 0;
    for (let request = 0; request < 1_200; request += 1) {
      clock.turn(50);
      if (request % 100 === 50) windows.killAll();
      if (await tries("default")) admitted += 1;
    }
    expect(admitted).toBe(120);
    clock.turn(60_000);
    windows.killAll();
    expect(await tries("default")).toBe(true);
  });

  it("that can't be reached: who guesses passwords is refused, others go on at a safe rate", async () => {
    const { tries, admit, windows } = limitsOf({ modes: { default: "strict" } });
    windows.unreachable = true;
    await expect(Promise.resolve().then(() => admit("login"))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryAfterMs: 1_000,
    });
    const admitted = await countAdmitted(() => tries("default"), 500);
    expect(admitted).toBeGreaterThan(0);
    expect(admitted).toBeLessThan(120);
  });

  it("of a hot client are several, and together they admit the limit", async () => {
    const { tries, windows } = limitsOf({ scale: 1_000, modes: { login: "strict" } });
    expect(await countAdmitted(() => tries("login"), 10_100)).toBe(10_000);
    expect((await windows.windowOf(ADA).view()).length).toBe(1);
  });
});

describe("a client who is far below the limit", () => {
  it("is told of to nobody, and beside isolates of the release before the limit holds but for what is quiet", async () => {
    const { clock, windows, tries } = limitsOf();
    const before = limitsOf({ clock, windows, release: "before" });
    expect(await countAdmitted(() => tries("default"), 6)).toBe(6);
    expect(windows.calls).toBe(0);
    let admitted = 6;
    for (let request = 0; request < 300; request += 1) {
      clock.turn(10);
      if (await (request % 2 === 0 ? tries : before.tries)("default")) admitted += 1;
    }
    // A twentieth of the limit may be under way at any moment in each isolate.
    expect(admitted).toBeGreaterThanOrEqual(120);
    expect(admitted).toBeLessThanOrEqual(120 + 6 + 2 * 6);
  });

  it("is known to the window by as much as isolates of the release before have told", async () => {
    const { clock, windows, tries } = limitsOf();
    const before = limitsOf({ clock, windows, release: "before" });
    await tries("default");
    await before.tries("default");
    expect(await windows.windowOf(ADA).view()).toMatchObject([{ policy: "default", remaining: 119 }]);
    // What goes beyond is told by both in the same words.
    await countAdmitted(() => tries("default"), 6);
    expect(await windows.windowOf(ADA).view()).toMatchObject([{ policy: "default", remaining: 112 }]);
  });
});
