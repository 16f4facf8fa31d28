import { expect, it, vi } from "vitest";
import { requestTimer } from "../../src/platform/guard/call-timer.ts";
import { wireWorker } from "../../src/platform/wire-worker.ts";
import { hungObjects, namespaceOf } from "../support/workers/hung-bindings.ts";

it("a worker's guards go by its own name and its own vars", async () => {
  // An isolate in which all is well reports within its first fifty seconds, at random.
  vi.spyOn(Math, "random").mockReturnValue(0);
  const heard: object[] = [];
  const background: Promise<unknown>[] = [];
  const { makeGuard, faults } = wireWorker({
    name: "playhead-app-bff",
    config: {
      LOG_LEVEL: "silent",
      BREAKER_ENGINES: { "playhead-app-bff/history": "sre", "playhead-ops-bff/identity": "sre" },
      HEDGED_UPSTREAMS: ["history"],
      FAULTS: "off",
      BOOT_ID: "boot",
    },
    breakerState: namespaceOf({
      report: async ({ worker }: { readonly worker: string }) => {
        heard.push({ worker, engine: "hystrix" });
        return { state: "closed", version: 0, probeLeaseMs: 0 };
      },
      observe: async ({ worker, engine }: { readonly worker: string; readonly engine: string }) =>
        void heard.push({ worker, engine }),
    }) as never,
    faultBoard: hungObjects() as never,
    timer: requestTimer,
    background: (work) => void background.push(work),
  });
  const plan = { kind: "read", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
  const guards = ["history", "identity"].map((name) =>
    makeGuard(name, { timeoutMs: 1_000, maxConcurrent: 2 }),
  );
  for (const guard of guards) await guard.call("look", plan, async () => true);
  await Promise.all(background);
  vi.restoreAllMocks();
  expect(heard).toEqual([
    { worker: "playhead-app-bff", engine: "sre" },
    { worker: "playhead-app-bff", engine: "hystrix" },
  ]);
  expect(faults).toBeNull();
  const [hedged] = guards;
  for (let call = 0; call < 30; call += 1) await hedged?.call("look", plan, async () => true);
  const { promise: beside, resolve: begin } = Promise.withResolvers<string>();
  let calls = 0;
  const answer = await hedged?.call("look", { ...plan, attemptsMax: 1 }, async () => {
    calls += 1;
    if (calls === 1) return beside;
    begin("the first waited for the second");
    return beside;
  });
  expect([answer, calls]).toEqual(["the first waited for the second", 2]);
});
