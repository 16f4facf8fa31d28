import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import type { Principal } from "../../../src/contracts/call-context.ts";
import { internalTokenMinter, internalTokenVerifier } from "../../../src/platform/bff/internal-token.ts";
import { testKey } from "../../support/workers/ed25519.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const MONTH_MS = 30 * 86_400_000;
const SKEW_MS = 300_000;
const AUDIENCE = "playhead-app-bff";
const PRINCIPAL = { userId: "ada", sessionId: "s-1", roles: ["user"] } as const;

async function setUp(bffAheadMs = 0) {
  const clock = new VirtualTime();
  const { privateKey, privateJwk, publicJwk } = await testKey("gateway-1");
  const mint = internalTokenMinter(privateJwk, clock.now);
  const verify = internalTokenVerifier({
    jwks: { keys: [publicJwk] },
    audience: AUDIENCE,
    now: () => clock.now() + bffAheadMs,
  });
  /** One like the gateway's, of another kind or with other claims. */
  const like = async (header: object, claims: object = {}): Promise<string> =>
    new SignJWT({ ...decodeJwt(await mint(PRINCIPAL, AUDIENCE)), ...claims })
      .setProtectedHeader({ alg: "EdDSA", kid: "gateway-1", ...header })
      .sign(privateKey);
  return {
    clock,
    mint: (principal: Principal = PRINCIPAL) => mint(principal, AUDIENCE),
    verify,
    like,
  };
}

describe("an internal token", () => {
  it("says which cell is the user's home, and of main nothing, as ever", async () => {
    const { mint, verify } = await setUp();
    const abroad = { ...PRINCIPAL, sessionId: "s-2", cell: "us" };
    expect(await verify(await mint(abroad))).toEqual(abroad);
    expect(decodeJwt(await mint())).not.toHaveProperty("cell");
  });

  it("says it at once of a session whose token said nothing of it a moment ago", async () => {
    const { mint, verify } = await setUp();
    await mint();
    const abroad = { ...PRINCIPAL, cell: "us" };
    expect(await verify(await mint(abroad))).toEqual(abroad);
    expect(await verify(await mint())).toEqual(PRINCIPAL);
  });

  it.each(["shard", "US", "", 7, null])("that names %j as a cell is refused", async (cell) => {
    const { verify, like } = await setUp();
    const token = await like({ typ: "internal+jwt" }, { cell });
    await expect(verify(token)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("says what it is, and no other kind passes for one, whoever has signed it", async () => {
    const { mint, verify, like } = await setUp();
    expect(decodeProtectedHeader(await mint()).typ).toBe("internal+jwt");
    for (const typ of ["at+jwt", "JWT", "device+jwt", ""]) {
      await expect(verify(await like({ typ }))).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    }
  });

  it("of a gateway of the release before, which doesn't say, is taken", async () => {
    const { verify, like } = await setUp();
    expect(await verify(await like({}))).toEqual(PRINCIPAL);
  });

  it.each([-SKEW_MS, 0, SKEW_MS])(
    "is taken by a BFF whose clock is %d ms off, for as long as the gateway hands it out",
    async (aheadMs) => {
      const { clock, mint, verify } = await setUp(aheadMs);
      for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 1_000) {
        expect(await verify(await mint())).toEqual(PRINCIPAL);
        clock.turn(1_000);
      }
    },
  );

  it("is refused when it has expired on every clock that is off by no more, also one that was taken before", async () => {
    const { clock, mint, verify } = await setUp();
    const token = await mint();
    await verify(token);
    clock.turn(SKEW_MS + 61_000);
    await expect(verify(token)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("made by a clock that was a month off for one reading is handed out no longer than others", async () => {
    for (const turn of ["turn", "stepBack"] as const) {
      const { clock, mint } = await setUp();
      const expiresIn = async (): Promise<number> => (decodeJwt(await mint()).exp ?? 0) * 1_000 - clock.now();
      await mint();
      clock[turn](MONTH_MS);
      await mint();
      clock[turn](-MONTH_MS);
      await mint();
      clock.turn(21_000);
      expect(await expiresIn()).toBeLessThanOrEqual(61_000);
      expect(await expiresIn()).toBeGreaterThan(0);
    }
  });

  it("of a key that a BFF doesn't know yet is no reason for a client to throw its own token away", async () => {
    const { mint } = await setUp();
    const { publicJwk } = await testKey("gateway-2");
    const verify = internalTokenVerifier({ jwks: { keys: [publicJwk] }, audience: AUDIENCE, now: Date.now });
    await expect(verify(await mint())).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
