import { describe, expect, it } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import { codeOf } from "../../src/contracts/errors.ts";
import { accounts, anyone, bearerOf, logIn, newAccount, PASSWORD } from "./support/identity-worker.ts";

const HOME: CallContext = { ...anyone, clientAddress: "203.0.113.1" };
const ELSEWHERE: CallContext = { ...anyone, clientAddress: "203.0.113.2" };

/** What a login comes to: the code of its error, or "in". */
async function attempt(
  ctx: CallContext,
  email: string,
  password = "wrong",
  deviceToken?: string,
): Promise<string> {
  return accounts.login(ctx, { email, password, ...(deviceToken === undefined ? {} : { deviceToken }) }).then(
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
    expect(await attempts(6, HOME, email)).toEqual([
      ...Array.from({ length: 5 }, () => "UNAUTHENTICATED"),
      "RATE_LIMITED",
    ]);
    expect([await attempt(HOME, email, PASSWORD), await attempt(ELSEWHERE, email, PASSWORD)]).toEqual([
      "RATE_LIMITED",
      "in",
    ]);
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
    expect(await attempts(6, HOME, nobody)).toEqual([
      ...Array.from({ length: 5 }, () => "UNAUTHENTICATED"),
      "RATE_LIMITED",
    ]);
  });
});

describe("right logins", () => {
  it("cost nothing: nine at once and seven in a row from one address are let in", async () => {
    const { email } = await newAccount();
    const atOnce = await Promise.all(Array.from({ length: 9 }, () => attempt(HOME, email, PASSWORD)));
    expect(atOnce).toEqual(Array.from({ length: 9 }, () => "in"));
    for (let number = 0; number < 7; number += 1) expect(await attempt(HOME, email, PASSWORD)).toBe("in");
  });
});

describe("a known device", () => {
  it("is let in where a stranger with the right password is refused, until it has failed ten times itself", async () => {
    const { email } = await newAccount();
    const { deviceToken } = await accounts.login(HOME, { email, password: PASSWORD });
    const asDevice = (password: string): Promise<string> => attempt(HOME, email, password, deviceToken);
    await attempts(6, HOME, email);
    expect([await attempt(HOME, email, PASSWORD), await asDevice(PASSWORD)]).toEqual(["RATE_LIMITED", "in"]);
    for (let number = 0; number < 10; number += 1) expect(await asDevice("wrong")).toBe("UNAUTHENTICATED");
    expect(await asDevice(PASSWORD)).toBe("RATE_LIMITED");
    expect(await attempt(ELSEWHERE, email, PASSWORD, deviceToken)).toBe("in");
  });

  it("is a stranger after a change of the password, and to every other account", async () => {
    const [{ email }, other] = [await newAccount(), await newAccount()];
    const grant = await accounts.login(HOME, { email, password: PASSWORD });
    await attempts(6, HOME, other.email);
    expect(await attempt(HOME, other.email, PASSWORD, grant.deviceToken)).toBe("RATE_LIMITED");
    await accounts.changePassword(bearerOf(grant), { password: PASSWORD, newPassword: "battery staple" });
    await attempts(6, HOME, email);
    expect(await attempt(HOME, email, "battery staple", grant.deviceToken)).toBe("RATE_LIMITED");
  });
});

describe("wrong present passwords", () => {
  it.each([
    [
      "a password change",
      (ctx: CallContext, password: string) =>
        accounts.changePassword(ctx, { password, newPassword: "battery staple" }),
    ],
    ["an erasure", (ctx: CallContext, password: string) => accounts.erase(ctx, password)],
  ])(
    "are ten an hour in one session for %s; the account's other sessions and its login go on",
    async (_door, knock) => {
      const { email } = await newAccount();
      const [stolen, own] = [bearerOf(await logIn(email)), bearerOf(await logIn(email))];
      const codeIn = (ctx: CallContext, password: string): Promise<string> =>
        knock(ctx, password).then(() => "done", codeOf);
      for (let number = 0; number < 10; number += 1)
        expect(await codeIn(stolen, "wrong")).toBe("UNAUTHENTICATED");
      expect([await codeIn(stolen, "wrong"), await codeIn(stolen, PASSWORD)]).toEqual([
        "RATE_LIMITED",
        "RATE_LIMITED",
      ]);
      expect([await attempt(HOME, email, PASSWORD), await codeIn(own, PASSWORD)]).toEqual(["in", "done"]);
    },
  );

  it("that come at once are hashed eighteen at most, and the others refused at once", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 3 }, async () => bearerOf(await logIn((await newAccount()).email))),
    );
    const codes = await Promise.all(
      Array.from({ length: 110 }, (_, number) =>
        accounts.erase(sessions[number % 3] ?? anyone, "wrong").then(() => "done", codeOf),
      ),
    );
    expect(new Set(codes)).toEqual(new Set(["UNAUTHENTICATED", "OVERLOADED"]));
    expect(codes.filter((code) => code === "UNAUTHENTICATED").length).toBeLessThanOrEqual(18);
  });
});
