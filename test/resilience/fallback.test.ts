import { describe, expect, it } from "vitest";
import { withFallback } from "../../src/resilience/fallback.ts";

const FAILURE = new Error("no answer");

describe("a call with a fallback", () => {
  it("answers itself where it can, and the fallback isn't asked", async () => {
    const never = (): never => {
      throw new Error("asked");
    };
    await expect(withFallback(async () => 1, never)).resolves.toEqual({ value: 1, degraded: false });
  });

  it("is answered by the fallback where it fails, marked as degraded, with the reason", async () => {
    const answer = await withFallback<number, string>(
      async () => {
        throw FAILURE;
      },
      (error) => `stale because of ${String(error)}`,
    );
    expect(answer).toEqual({ value: "stale because of Error: no answer", degraded: true, error: FAILURE });
  });

  it("waits for a fallback that takes its time", async () => {
    const answer = await withFallback(
      () => Promise.reject(FAILURE),
      async () => "stale",
    );
    expect(answer).toEqual({ value: "stale", degraded: true, error: FAILURE });
  });

  it("is answered by the fallback even if the call throws before it returns a promise", async () => {
    const throwing = (): Promise<number> => {
      throw FAILURE;
    };
    await expect(withFallback(throwing, () => 0)).resolves.toEqual({
      value: 0,
      degraded: true,
      error: FAILURE,
    });
  });

  it("fails with the fallback's own error where that fails too", async () => {
    const worse = new Error("nothing stale either");
    await expect(
      withFallback(
        () => Promise.reject(FAILURE),
        () => Promise.reject(worse),
      ),
    ).rejects.toBe(worse);
  });
});
