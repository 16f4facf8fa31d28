import { describe, expect, it } from "vitest";
import { codeOf } from "../../src/contracts/errors.ts";
import { secretSource } from "../../src/identity/data/secret-source.ts";
import {
  accounts,
  anyone,
  db,
  logIn,
  newAccount,
  revokedSessions,
  sessionOf,
} from "./support/identity-worker.ts";

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

  it("answers two at once, and a retry within ten seconds, with the same successor; later it ends the session", async () => {
    const { refreshToken } = await logIn((await newAccount()).email);
    const [one, two] = await Promise.all([
      accounts.refresh(anyone, refreshToken),
      accounts.refresh(anyone, refreshToken),
    ]);
    expect(two.refreshToken).toBe(one.refreshToken);
    expect((await accounts.refresh(anyone, refreshToken)).refreshToken).toBe(one.refreshToken);
    // Ten seconds pass on the database's clock, which is the real one here.
    await db
      .prepare("UPDATE session SET rotated_at = rotated_at - 10000 WHERE id = ?")
      .bind(sessionOf(one))
      .run();
    expect(await codeFor(refreshToken)).toBe("UNAUTHENTICATED");
    expect(await codeFor(one.refreshToken)).toBe("UNAUTHENTICATED");
    expect(await revokedSessions()).toContain(sessionOf(one));
  });

  it("ends nobody's session for a token that somebody made up from an access token", async () => {
    const grant = await logIn((await newAccount()).email);
    const { refreshToken } = await accounts.refresh(anyone, grant.refreshToken);
    for (const generation of [0, 1, 2]) {
      const [version, keyId] = refreshToken.split(".");
      const madeUp = `${version}.${keyId}.${sessionOf(grant)}.${generation}.${"A".repeat(67)}`;
      expect(await codeFor(madeUp)).toBe("UNAUTHENTICATED");
    }
    expect(await codeFor(refreshToken)).toBe("traded");
  });

  it("trades a token of the release before, and leaves its table as long as it was", async () => {
    const grant = await logIn((await newAccount()).email);
    const before = "Gfxooe2YxZsTgnh7GITG1zpZvZJlzoRM7XroYpfD7Wo";
    await db.batch([
      db
        .prepare(
          "UPDATE session SET token_seed = NULL, token_kid = NULL, generation = NULL, rotated_at = NULL WHERE id = ?",
        )
        .bind(sessionOf(grant)),
      db
        .prepare("INSERT INTO refresh_token (hash, session_id, issued_at, expires_at) VALUES (?, ?, 0, 9e15)")
        .bind(await secretSource.digest(before), sessionOf(grant)),
    ]);
    const { refreshToken } = await accounts.refresh(anyone, before);
    expect((await accounts.refresh(anyone, before)).refreshToken).toBe(refreshToken);
    expect(await codeFor(refreshToken)).toBe("traded");
    expect(await db.prepare("SELECT count(*) AS n FROM refresh_token").first("n")).toBe(1);
    expect(await codeFor(before)).toBe("UNAUTHENTICATED");
    expect(await revokedSessions()).toContain(sessionOf(grant));
  });
});
