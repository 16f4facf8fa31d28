import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import autocannon from "autocannon";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LaunchedScripts } from "../support/platforms/launched-script.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-load-"));
const stateDir = join(folder, "state");
const STOP_MS_MAX = 5_000;
/**
 * Long enough for three crons of each worker; a minute and a half, for a handful each 15 s, in
 * `npm run test:long`; ten minutes by hand, before a release.
 */
const LOAD_SECONDS = Number(process.env["LOAD_SECONDS"] ?? 9);
const CRON_SECONDS = Math.min(15, Math.floor(LOAD_SECONDS / 3));
const SILENCE_MS_MAX = 5_000;
const scripts = new LaunchedScripts();

beforeAll(() => copyMigratedState(stateDir));

afterAll(async () => {
  await scripts.end();
  rmSync(folder, { recursive: true, force: true });
});

/** What the log, two files at most, says of crons that were fired. */
function cronLines(): readonly string[] {
  const path = join(stateDir, "logs", "playhead.ndjson");
  const texts = [path, `${path}.old`]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"));
  return texts.flatMap((text) => text.match(/^.*"event":"cron".*$/gm) ?? []);
}

it(
  "answers throughout under full load with its log on, while crons fire, and stops in it",
  { timeout: (LOAD_SECONDS + 120) * 1_000 },
  async () => {
    const script = scripts.start(["--port", "0", "--state", stateDir, "--crons-every", String(CRON_SECONDS)]);
    const port = Number(new URL(await script.ready).port);
    const loaded = Promise.withResolvers<autocannon.Result>();
    const load = autocannon(
      { url: `http://127.0.0.1:${port}/healthz`, connections: 64, duration: LOAD_SECONDS + 10 },
      (_, result) => loaded.resolve(result),
    );
    const gapsMs: number[] = [];
    const fired = new Set<string>();
    const untilMs = performance.now() + LOAD_SECONDS * 1_000;
    while (performance.now() < untilMs) {
      const askedAtMs = performance.now();
      const response = await fetch(`http://127.0.0.1:${port}/healthz`, {
        signal: AbortSignal.timeout(SILENCE_MS_MAX),
      });
      expect(await response.json()).toEqual({ status: "ok" });
      gapsMs.push(performance.now() - askedAtMs);
      for (const line of cronLines()) fired.add(line);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    const toldAtMs = performance.now();
    script.process.kill("SIGTERM");
    expect(await script.ended).toBe(0);
    expect(performance.now() - toldAtMs).toBeLessThan(STOP_MS_MAX);
    load.stop();
    const { "2xx": answered, non2xx } = await loaded.promise;
    expect(non2xx).toBe(0);
    expect(answered).toBeGreaterThan(LOAD_SECONDS * 100);
    for (const worker of ["identity", "history", "wallet", "savings"]) {
      const times = [...fired].filter((line) => line.includes(`"playhead-${worker}"`));
      // One that still runs, as they do for long under full load, is not started again.
      expect(times.length).toBeGreaterThanOrEqual(Math.floor((LOAD_SECONDS / CRON_SECONDS) * 0.8));
    }
    console.log(
      `${answered} answers in ${LOAD_SECONDS} s, the slowest probe took ${Math.round(Math.max(...gapsMs))} ms`,
    );
  },
);
