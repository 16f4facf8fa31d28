import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { launchScript, runtimeOf } from "../support/platforms/launched-script.ts";
import { playItem } from "../support/platforms/play-item.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-sigkill-"));
/** One user plays more than a user may. */
const ARGS = ["--port", "0", "--state", join(folder, "state"), "--var", "RATE_LIMIT_SCALE:1000"];
const ROUNDS = 3;
const PLAYERS = 12;
const HEARTBEATS_BEFORE_KILL = 400;
const EMAIL = "viewer@example.com";
const PASSWORD = "correct horse battery";

beforeAll(() => copyMigratedState(join(folder, "state")));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it(
  "loses no acknowledged report when the runtime is killed, again and again, in the middle of the traffic",
  { timeout: 300_000 },
  async () => {
    const acked = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const script = launchScript([...ARGS, "--var", "FLUSH_WINDOW_MS:500"]);
      const api = new ApiClient(await script.ready);
      const { token } = round === 0 ? await api.signUp(EMAIL, PASSWORD) : await api.signIn(EMAIL, PASSWORD);
      if (round > 0) await expectAll(api, token, acked);
      const count = { beats: 0 };
      const playing = new Set<number>();
      const players = Array.from({ length: PLAYERS }, async (_, player) => {
        playing.add(player);
        await playItem(api, token, `film-${player}`, { acked, onAcked: () => (count.beats += 1) });
        playing.delete(player);
      });
      while (playing.size > 0 && count.beats < HEARTBEATS_BEFORE_KILL)
        await new Promise((resolve) => setTimeout(resolve, 5));
      expect(playing.size, "players that are still acknowledged").toBeGreaterThan(0);
      process.kill(runtimeOf(script), "SIGKILL");
      await Promise.all(players);
      expect(await script.ended).toBe(1);
    }
    const script = launchScript(ARGS);
    const api = new ApiClient(await script.ready);
    await expectAll(api, (await api.signIn(EMAIL, PASSWORD)).token, acked);
    script.process.kill("SIGTERM");
    expect(await script.ended).toBe(0);
  },
);

/**
 * Every acknowledged position, or a later one that was sent and whose answer was lost, must be
 * there.
 */
async function expectAll(api: ApiClient, token: string, acked: ReadonlyMap<string, number>): Promise<void> {
  const { body } = await api.call("GET", "/v1/history?limit=100", { token });
  const stored = new Map(
    (body["items"] as { itemId: string; positionMs: number }[]).map(({ itemId, positionMs }) => [
      itemId,
      positionMs,
    ]),
  );
  const lost = [...acked].filter(([itemId, positionMs]) => (stored.get(itemId) ?? 0) < positionMs);
  const invented = [...acked].filter(([itemId, positionMs]) => (stored.get(itemId) ?? 0) > positionMs + 1);
  expect({ lost, invented }).toEqual({ lost: [], invented: [] });
}
