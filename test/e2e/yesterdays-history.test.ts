import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, expect, it, vi } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { RELEASE_BEFORE } from "../fixtures/kept-releases.ts";
import { startPlatformOn } from "../support/platforms/e2e-platform.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

/*
 * A release as its clients see it: this release's gateway and BFFs over the history of the one
 * before, as it was deployed, then over this one's before a sweep has raised the format, and after.
 * The tests go on from each other.
 */

const HISTORY = "playhead-history";
const BEFORE = brotliDecompressSync(
  readFileSync(`${PROJECT_ROOT}test/fixtures/${RELEASE_BEFORE}/history-worker.js.br`),
).toString("utf8");
/**
 * A runtime starts no worker that is bound to an entrypoint which isn't there. This one answers as
 * the platform does for the release before: it has no such method.
 */
const WITH_SOCKETS = `${BEFORE}
import { WorkerEntrypoint as NoSockets } from "cloudflare:workers";
export class Sockets extends NoSockets {}
`;
const SWEEP = "*/5 * * * *";
/** More than a breaker needs. */
const ROUNDS = 12;

const state = mkdtempSync(join(tmpdir(), "playhead-release-"));
const secrets = makeSecrets();
let platform: RunningPlatform | null = null;
let token = "";

async function start(release: "before" | "present"): Promise<ApiClient> {
  await platform?.stop();
  platform = await startPlatformOn({
    state,
    secrets,
    ...(release === "before" && { bundles: { [HISTORY]: WITH_SOCKETS } }),
  });
  return new ApiClient(platform.url);
}

afterAll(async () => {
  await platform?.stop();
  rmSync(state, { recursive: true, force: true });
});

/** What a busy machine says; an open breaker says something else, and is an answer. */
const BUSY = ["OVERLOADED", "DEADLINE_EXCEEDED"];

const asked =
  (api: ApiClient) =>
  (method: string, path: string, body?: object): ReturnType<ApiClient["call"]> =>
    vi.waitFor(
      async () => {
        const answer = await api.call(method, `/v1/history${path}`, { token, body });
        if (BUSY.includes(String(answer.body["code"]))) throw new Error("the machine is busy");
        return answer;
      },
      { timeout: 15_000, interval: 500 },
    );
const reportOf = (itemId: string) => ({
  reports: [{ kind: "video", itemId, positionMs: 300_000, durationMs: 600_000 }],
});

const BY_HAND = [
  ["PUT", "/video/film", { watched: true }],
  ["DELETE", "/video/film"],
  ["DELETE", ""],
  ["PUT", "/settings", { paused: true }],
  ["GET", "/changes"],
] as const;
const READS = [
  ["GET", "/export"],
  ["GET", "/settings"],
] as const;

/** Each is refused for now, by nobody's fault: reports go on being taken. */
async function expectRefused(api: ApiClient, routes: readonly (readonly [string, string, object?])[]) {
  const call = asked(api);
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [method, path, body] of routes) {
      const { status, headers, body: problem } = await call(method, path, body);
      expect([method, path, status, problem["code"]]).toEqual([method, path, 503, "UNAVAILABLE"]);
      expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    }
  expect(await call("POST", "/reports", reportOf("film"))).toMatchObject({
    status: 200,
    body: { accepted: 1, now: expect.any(Number) },
  });
}

it("over the history of the release before, what it doesn't know is refused for now, the rest is done", async () => {
  copyMigratedState(state);
  const api = await start("before");
  ({ token } = await api.signUp("ada@example.com"));
  await expectRefused(api, [...BY_HAND, ...READS]);
  const { body } = await api.callPatiently("GET", "/v1/history", { token });
  expect(body["items"]).toMatchObject([{ itemId: "film" }]);
});

it("until all shards are known to be new, what is said by hand is refused, and all can be read", async () => {
  const api = await start("present");
  await expectRefused(api, BY_HAND);
  for (const [method, path] of READS)
    expect((await api.callPatiently(method, `/v1/history${path}`, { token })).status).toBe(200);
  const { body } = await api.callPatiently("GET", "/v1/history", { token });
  expect(body["items"]).toMatchObject([{ itemId: "film", watched: false }]);
});

it("after a sweep all of it is done", async () => {
  const api = new ApiClient(platform?.url ?? "");
  await vi.waitFor(
    async () => {
      await platform?.fireCron(HISTORY, SWEEP);
      expect((await asked(api)("GET", "/changes")).status).toBe(200);
    },
    { timeout: 20_000, interval: 500 },
  );
  const statuses: number[] = [];
  for (const [method, path, body] of [...BY_HAND, ...READS])
    statuses.push((await api.callPatiently(method, `/v1/history${path}`, { token, body })).status);
  expect(statuses).toEqual([200, 204, 204, 200, 200, 200, 200]);
});
