import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AsyncQuota } from "../../../src/resilience/quota/async-quota.ts";
import { createClientQuota } from "../../../src/resilience/quota/create-client-quota.ts";
import { LeasedQuota } from "../../../src/resilience/quota/leased-quota.ts";
import { StrictQuota } from "../../../src/resilience/quota/strict-quota.ts";
import { QuotaWire, wireSteps } from "../support/quota-wire.ts";

const LIMIT = { limit: 16, windowMs: 16_000 };

describe("a client's quota", () => {
  it.each([
    ["strict", StrictQuota],
    ["lease", LeasedQuota],
    ["async", AsyncQuota],
  ] as const)("is kept in the mode %s", (mode, kind) => {
    const quota = createClientQuota(mode, LIMIT, { onUnreachable: "open" });
    expect(quota).toBeInstanceOf(kind);
    expect([1, 2, 3].map(() => quota.unreachable(0, 1)?.allowed)).toEqual([true, true, false]);
    expect(createClientQuota(mode, LIMIT, { onUnreachable: "closed" }).unreachable(0, 1)).toBeNull();
  });

  it.each(["strict", "lease", "async"] as const)(
    "refuses nobody who stays under the limit, whatever is late or restarted (%s)",
    (mode) => {
      fc.assert(
        fc.property(wireSteps(["late", "restarted"], 200), (steps) => {
          const wire = new QuotaWire(mode, { limit: 250, windowMs: 60_000 });
          let nowMs = 1_000_000;
          for (const step of steps) wire.request((nowMs += step.afterMs), step);
          wire.deliverUntil(nowMs + 1000);
          expect(wire.admittedAtMs.length).toBe(steps.length);
        }),
      );
    },
  );

  it.each(["strict", "lease", "async"] as const)(
    "holds when the clock is set back by an hour, and serves again within two windows (%s)",
    (mode) => {
      const wire = new QuotaWire(mode, { limit: 10, windowMs: 1000 });
      const request = { isolate: 0, afterMs: 0, fate: "answered", clockErrorMs: 0 } as const;
      for (let count = 0; count < 30; count++) wire.request(10_000_000, request);
      expect(wire.admittedAtMs.length).toBe(10);
      for (let count = 0; count < 30; count++) wire.request(6_400_000, request);
      expect(wire.admittedAtMs.length).toBe(10);
      for (let count = 0; count < 30; count++) wire.request(6_401_000, request);
      // The isolate noticed at once, the server only now that it was asked: its window starts from
      // here.
      for (let count = 0; count < 30; count++) wire.request(6_402_000, request);
      expect(wire.admittedAtMs.length).toBe(20);
    },
  );
});
