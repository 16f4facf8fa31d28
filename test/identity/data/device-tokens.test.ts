import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import type { Account } from "../../../src/identity/biz/ports.ts";
import { deviceTokens } from "../../../src/identity/data/device-tokens.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const DAY_MS = 86_400_000;
const SECRET = Uint8Array.from({ length: 32 }, () => 7);
const OTHER_SECRET = Uint8Array.from({ length: 32 }, () => 8);
const ADA: Account = {
  id: "ada",
  email: "ada@example.com",
  passwordHash: "plain:right",
  roles: ["user"],
  createdAtMs: 1,
};

function tokensWith(...secrets: [Uint8Array<ArrayBuffer>, ...Uint8Array<ArrayBuffer>[]]) {
  const clock = new VirtualTime();
  let made = 0;
  return {
    clock,
    tokens: deviceTokens({ secrets, newDeviceId: () => `device-${(made += 1)}`, now: clock.now }),
  };
}

describe("a device token", () => {
  it("names its device to the account it was made for, for 180 days, and keeps the name when it is renewed", async () => {
    const { clock, tokens } = tokensWith(SECRET);
    const token = await tokens.issue(ADA, null);
    const device = await tokens.read(token, ADA);
    expect(device).toEqual({ userId: "ada", deviceId: "device-1" });
    expect(decodeProtectedHeader(token)).toEqual({ alg: "HS256", typ: "device+jwt" });
    clock.turn(179 * DAY_MS);
    expect(await tokens.read(token, ADA)).toEqual(device);
    const renewed = await tokens.issue(ADA, device);
    clock.turn(2 * DAY_MS);
    expect([await tokens.read(token, ADA), await tokens.read(renewed, ADA)]).toEqual([null, device]);
  });

  it("names nobody to another account, after a change of the password, and where there is no account", async () => {
    const { tokens } = tokensWith(SECRET);
    const token = await tokens.issue(ADA, null);
    expect(await tokens.read(token, { ...ADA, id: "eve" })).toBeNull();
    expect(await tokens.read(token, { ...ADA, passwordHash: "plain:newer" })).toBeNull();
    expect(await tokens.read(token, null)).toBeNull();
    expect(await tokens.read(undefined, ADA)).toBeNull();
  });

  it("says nothing of whose it is", async () => {
    const { tokens } = tokensWith(SECRET);
    expect(Object.keys(decodeJwt(await tokens.issue(ADA, null))).toSorted()).toEqual(["did", "exp", "iat"]);
  });

  it("is signed by the first of several secrets and taken from each of them", async () => {
    const before = await tokensWith(OTHER_SECRET).tokens.issue(ADA, null);
    const { tokens } = tokensWith(SECRET, OTHER_SECRET);
    expect(await tokens.read(before, ADA)).not.toBeNull();
    const token = await tokens.issue(ADA, null);
    expect(await tokensWith(SECRET).tokens.read(token, ADA)).not.toBeNull();
    expect(await tokensWith(OTHER_SECRET).tokens.read(token, ADA)).toBeNull();
  });

  it("that is anything else is that of no device, and no error", async () => {
    const { tokens, clock } = tokensWith(SECRET);
    const [header = "", claims = "", signature = ""] = (await tokens.issue(ADA, null)).split(".");
    const unsigned = `${Buffer.from('{"alg":"none","typ":"device+jwt"}').toString("base64url")}.${claims}.`;
    const selfMade = await new SignJWT({ did: "device-1" })
      .setProtectedHeader({ alg: "HS256", typ: "device+jwt" })
      .setIssuedAt(clock.now() / 1_000)
      .setExpirationTime(clock.now() / 1_000 + 60)
      .sign(SECRET);
    const flipped = `${header}.${claims}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    for (const token of ["", "x", "a.b.c", unsigned, selfMade, flipped, "é".repeat(300)])
      expect(await tokens.read(token, ADA)).toBeNull();
  });
});
