import { describe, expect, it } from "vitest";
import type { LoginGrant } from "../../src/contracts/identity.ts";
import type { Account } from "../../src/identity/biz/ports.ts";
import { deviceTokens } from "../../src/identity/data/device-tokens.ts";
import { refreshTokens } from "../../src/identity/data/refresh-tokens.ts";
import { readGoldenRecords } from "../fixtures/golden/golden-records.ts";
import { throwawaySecrets } from "../fixtures/throwaway-secrets.ts";

const records = readGoldenRecords();
const grants = records
  .filter((record) => record.kind === "call")
  .filter(({ method, error }) => method === "login" && error === undefined)
  .map(({ answer }) => answer as LoginGrant);
const [database] = records
  .filter((record) => record.kind === "database")
  .filter(({ binding }) => binding === "IDENTITY_DB");
const rowsOf = (table: string): readonly Readonly<Record<string, unknown>>[] => database?.rows[table] ?? [];

const accounts = rowsOf("account").map((row) => ({
  id: String(row["id"]),
  email: String(row["email"]),
  passwordHash: String(row["password_hash"]),
  roles: [],
  createdAtMs: Number(row["created_at"]),
})) satisfies readonly Account[];

const secret = Uint8Array.from(Buffer.from(throwawaySecrets().KEY_ENCRYPTION_KEY, "base64url"));

describe("a login of the release before", () => {
  it("gave a device token that still names its device to its account", async () => {
    const known = grants.flatMap((grant) => {
      const account = accounts.find(({ id }) => id === grant.userId);
      return account === undefined ? [] : [{ account, grant }];
    });
    expect(known.length).toBeGreaterThan(3);
    for (const { account, grant } of known) {
      const madeAtMs = account.createdAtMs + 60_000;
      const tokens = deviceTokens({ secrets: [secret], newDeviceId: () => "new", now: () => madeAtMs });
      expect(await tokens.read(grant.deviceToken, account)).toMatchObject({ userId: account.id });
    }
  });

  it("gave a refresh token that is still its session's first one", () => {
    const tokens = refreshTokens([secret]);
    const presented = grants.map(({ refreshToken }) => tokens.read(refreshToken));
    const known = rowsOf("session").flatMap(({ id, token_kid: keyId, token_seed: seed }) =>
      presented.flatMap((token) =>
        token !== null && token !== "opaque" && token.sessionId === id ? [{ token, keyId, seed }] : [],
      ),
    );
    expect(known.length).toBeGreaterThan(1);
    for (const { token, keyId, seed } of known) {
      expect([token.keyId, token.generation]).toEqual([keyId, 0]);
      expect(token.isOf(String(seed))).toBe(true);
    }
  });
});
