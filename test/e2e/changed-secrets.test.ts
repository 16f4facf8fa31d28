import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import { makeSecrets, type LocalSecrets } from "../../scripts/runtime/secrets.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startPlatformOn } from "../support/platforms/e2e-platform.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

/*
 * One platform, started three times: with its secrets, with other ones, and on until a signing key
 * has leaked. The tests go on from each other.
 */

const state = mkdtempSync(join(tmpdir(), "playhead-secrets-e2e-"));
const first = makeSecrets();
const changed: LocalSecrets = {
  ...first,
  ADMIN_PASSWORD: "another operator's password",
  KEY_ENCRYPTION_KEY: makeSecrets().KEY_ENCRYPTION_KEY,
};

let platform: RunningPlatform;
let api: ApiClient;
let before: { readonly token: string; readonly refreshToken: string; readonly userId: string };
let user: { readonly token: string };

const login = (password: string) =>
  api.call("POST", "/v1/account/login", { body: { email: first.ADMIN_EMAIL, password } });
const jwks = async (): Promise<string[]> => {
  const { body } = await api.call("GET", "/.well-known/jwks.json");
  return (body["keys"] as { readonly kid: string }[]).map(({ kid }) => kid);
};

async function start(secrets: LocalSecrets): Promise<void> {
  platform = await startPlatformOn({ state, secrets });
  api = new ApiClient(platform.url);
}

beforeAll(async () => {
  copyMigratedState(state);
  await start(first);
  const { body } = await login(first.ADMIN_PASSWORD);
  before = {
    token: String(body["accessToken"]),
    refreshToken: String(body["refreshToken"]),
    userId: String(body["userId"]),
  };
  user = await api.signUp("ada@example.com");
  await platform.stop();
  await start({
    ...changed,
    KEY_ENCRYPTION_KEY: `${changed.KEY_ENCRYPTION_KEY},${first.KEY_ENCRYPTION_KEY}`,
  });
});

afterAll(async () => {
  await platform.stop();
  rmSync(state, { recursive: true, force: true });
});

describe("a platform whose secrets were changed", () => {
  it("lets the operator in by the new password only, and ends what the old one opened", async () => {
    expect((await login(first.ADMIN_PASSWORD)).status).toBe(401);
    const { status, body } = await login(changed.ADMIN_PASSWORD);
    expect([status, body["userId"], body["roles"]]).toEqual([200, before.userId, ["admin"]]);
    expect((await login(first.ADMIN_PASSWORD)).status).toBe(401);
    const refresh = { body: { refreshToken: before.refreshToken } };
    expect((await api.call("POST", "/v1/account/refresh", refresh)).status).toBe(401);
    await vi.waitFor(
      async () => expect((await api.call("GET", "/v1/account/me", { token: before.token })).status).toBe(401),
      {
        timeout: 16_000,
        interval: 500,
      },
    );
    expect((await api.call("GET", "/v1/account/me", { token: user.token })).status).toBe(200);
  });

  it("signs everybody in though nothing opens its old keys any more", async () => {
    const old = await jwks();
    // A key that was made a moment ago would not be replaced.
    const db = await platform.miniflare.getD1Database("IDENTITY_DB", "playhead-identity");
    await db.prepare("UPDATE signing_key SET created_at = created_at - 60000").run();
    await platform.stop();
    await start(changed);
    const { token } = await api.signIn("ada@example.com", "correct horse battery");
    expect((await api.call("GET", "/v1/history", { token })).status).toBe(200);
    expect((await api.call("GET", "/v1/history", { token: user.token })).status).toBe(200);
    expect(await jwks()).toEqual([...old, expect.any(String)]);
  });

  it("believes no token of a key that an operator distrusts, and goes on with another", async () => {
    const admin = String((await login(changed.ADMIN_PASSWORD)).body["accessToken"]);
    const rotate = (body: object, token: string) => api.call("POST", "/v1/ops/keys/rotate", { token, body });
    expect((await rotate({ distrust: "nobody-s" }, admin)).status).toBe(404);
    for (const bad of [{ distrust: "" }, { distrusted: "x" }, { distrust: 5 }])
      expect((await rotate(bad, admin)).status).toBe(422);
    expect((await rotate({ distrust: "x" }, user.token)).status).toBe(403);
    const { token } = await api.signIn("ada@example.com", "correct horse battery");
    const leaked = String(JSON.parse(atob(token.split(".")[0] ?? ""))["kid"]);
    const { status, body } = await rotate({ distrust: leaked }, admin);
    expect([status, body]).toEqual([201, { kid: expect.any(String), signsFromMs: expect.any(Number) }]);
    await vi.waitFor(async () => expect((await api.call("GET", "/v1/history", { token })).status).toBe(401), {
      timeout: 16_000,
      interval: 500,
    });
    expect(await jwks()).not.toContain(leaked);
    const next = await api.signIn("ada@example.com", "correct horse battery");
    expect((await api.call("GET", "/v1/history", { token: next.token })).status).toBe(200);
    const again = String((await login(changed.ADMIN_PASSWORD)).body["accessToken"]);
    const [line] = (await api.call("GET", "/v1/ops/audit?limit=1", { token: again })).body[
      "items"
    ] as object[];
    expect(line).toMatchObject({ action: "distrust-key", target: leaked });
  });
});
