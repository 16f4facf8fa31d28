import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchScript } from "../support/platforms/launched-script.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-without-servers-"));

beforeAll(() => copyMigratedState(join(folder, "state")));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a machine without redis-server and Java", () => {
  it(
    "starts all else with --redis and --kafka, and says in a line each what was left out",
    { timeout: 300_000 },
    async () => {
      const script = launchScript(["--port", "0", "--state", join(folder, "state"), "--redis", "--kafka"], {
        PATH: dirname(process.execPath),
      });
      try {
        const url = await script.ready;
        expect((await fetch(`${url.replace("localhost", "127.0.0.1")}/readyz`)).status).toBe(200);
        expect(script.stderr().trim().split("\n")).toEqual([
          "--redis: left out, redis-server isn't installed (Debian: apt-get install redis-server)",
          "--kafka: left out, java isn't installed (Debian: apt-get install openjdk-17-jre-headless maven)",
        ]);
        expect(script.stdout()).not.toContain("REST front");
      } finally {
        script.process.kill("SIGTERM");
      }
      expect(await script.ended).toBe(0);
    },
  );
});
