import { describe, expect, it } from "vitest";
import { codeOf } from "../../src/contracts/errors.ts";
import { accounts, anyone, db, logIn, newAccount, sessionOf } from "./support/identity-worker.ts";

/** As identity is deployed. */
const AGE_MS_MAX = 180 * 86_400_000;

const codeFor = (refreshToken: string): Promise<string> =>
  accounts.refresh(anyone, refreshToken).then(
    () => "traded",
    (error: unknown) => codeOf(error),
  );

describe("identity as it is deployed", () => {
  it.each([
    [-60_000, "traded"],
    [60_000, "UNAUTHENTICATED"],
  ])(
    "lets a session live for 180 days from its login, refreshed or not: %d ms after them it is %s",
    async (afterMs, outcome) => {
      const grant = await logIn((await newAccount()).email);
      const loggedInAtMs = Date.now() - AGE_MS_MAX - afterMs;
      await db
        .prepare("UPDATE session SET created_at = ?2 WHERE id = ?1")
        .bind(sessionOf(grant), loggedInAtMs)
        .run();
      expect(await codeFor(grant.refreshToken)).toBe(outcome);
    },
  );

  it("refreshes for a BFF of the release before, which grants 400 ms", async () => {
    const { refreshToken } = await logIn((await newAccount()).email);
    await expect(accounts.refresh({ ...anyone, remainingMs: 400 }, refreshToken)).resolves.toBeDefined();
  });

  it("refreshes a session ten times a minute, and the eleventh time says when to come back", async () => {
    let { refreshToken } = await logIn((await newAccount()).email);
    for (let number = 0; number < 10; number += 1)
      ({ refreshToken } = await accounts.refresh(anyone, refreshToken));
    const refused = await accounts.refresh(anyone, refreshToken).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: expect.any(Number) });
    const { retryAfterMs } = refused as { readonly retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });
});
