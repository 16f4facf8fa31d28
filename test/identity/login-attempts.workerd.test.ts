import { describe, expect, it } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import { codeOf } from "../../src/contracts/errors.ts";
import { accounts, anyone, newAccount, PASSWORD } from "./support/identity-worker.ts";

const HOME: CallContext = { ...anyone, clientAddress: "203.0.113.1" };
const ELSEWHERE: CallContext = { ...anyone, clientAddress: "203.0.113.2" };

/** What a login comes to: the code of its error, or "in". */
async function attempt(ctx: CallContext, email: string, password = "wrong"): Promise<string> {
  return accounts.login(ctx, { email, password }).then(
    () => "in",
    (error: unknown) => codeOf(error),
  );
}

async function attempts(count: number, ctx: CallContext, email: string): Promise<readonly string[]> {
  const codes: string[] = [];
  for (let number = 0; number < count; number += 1) codes.push(await attempt(ctx, email));
  return codes;
}

describe("failed logins", () => {
  it("are five a minute for an e-mail and an address, the right password included; other addresses still may", async () => {
    const { email } = await newAccount();
    expect(await attempts(6, HOME, email)).toEqual([...Array.from({ length: 5 }, () => "UNAUTHENTICATED"), "RATE_LIMITED"]);
    expect([await attempt(HOME, email, PASSWORD), await attempt(ELSEWHERE, email, PASSWORD)]).toEqual(["RATE_LIMITED", "in"]);
  });

  it("of one e-mail are no other's", async () => {
    const [one, other] = [await newAccount(), await newAccount()];
    await attempts(6, HOME, one.email);
    expect(await attempt(HOME, other.email, PASSWORD)).toBe("in");
  });

  it("are all counted that come at once", async () => {
    const { email } = await newAccount();
    const codes = await Promise.all(Array.from({ length: 8 }, () => attempt(HOME, email)));
    expect(codes.sort()).toEqual([
      ...Array.from({ length: 3 }, () => "RATE_LIMITED"),
      ...Array.from({ length: 5 }, () => "UNAUTHENTICATED"),
    ]);
  });

  it("say when to come back", async () => {
    const { email } = await newAccount();
    await attempts(5, HOME, email);
    const refused = await accounts.login(HOME, { email, password: "wrong" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: expect.any(Number) });
    const { retryAfterMs } = refused as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it("don't tell which e-mails exist", async () => {
    const nobody = `nobody-${crypto.randomUUID()}@example.com`;
    expect(await attempts(6, HOME, nobody)).toEqual([...Array.from({ length: 5 }, () => "UNAUTHENTICATED"), "RATE_LIMITED"]);
  });
});

describe("right logins", () => {
  it("cost nothing: seven in a row are let in", async () => {
    const { email } = await newAccount();
    for (let number = 0; number < 7; number += 1) {
      expect(await attempt(HOME, email, PASSWORD)).toBe("in");
      // What was counted before the password was looked at is given back beside the answer.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});
