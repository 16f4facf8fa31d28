import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { bundleWorker } from "../../scripts/runtime/bundle.ts";
import { startPlatform, type RunnableWorker, type RunningPlatform } from "../../scripts/runtime/platform.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-memory-"));
/** Two thousand a second for two minutes, over five thousand items, and no database takes any. */
const REPORTS = 240_000;
const REPORTS_A_CALL = 20_000;
const ITEMS = 5_000;
const BYTES_MAX = 25_000_000;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(contents: string): Promise<RunningPlatform> {
  const worker: RunnableWorker = {
    name: "lonely-shard",
    compatibilityDate: "2026-10-23",
    modules: [{ type: "ESModule", path: "index.js", contents }],
    durableObjects: { SHARD: { className: "LonelyShard", useSQLite: true } },
  };
  return startPlatform({ workers: [worker], entry: "lonely-shard", port: 0, persistTo: folder });
}

const ask = async (platform: RunningPlatform, path: string): Promise<string> =>
  (await fetch(`${platform.url}${path}`)).text();

/** Memory of the runtime's process, in bytes. */
function runtimeBytes(): number {
  const processes = execFileSync("ps", ["-A", "-o", "ppid=,rss=,args="], { encoding: "utf8" });
  for (const line of processes.split("\n")) {
    const [, parent, kibibytes, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)/.exec(line) ?? [];
    if (Number(parent) === process.pid && command?.endsWith("workerd") === true)
      return Number(kibibytes) * 1_024;
  }
  throw new Error("the runtime's process is not there");
}

it(
  "a shard that starts after two minutes of 2,000 reports a second takes less than 25 MB",
  { timeout: 300_000 },
  async () => {
    const contents = await bundleWorker(`${PROJECT_ROOT}test/history/support/shard-without-a-job.ts`);
    const busy = await start(contents);
    for (let sent = 0; sent < REPORTS; sent += REPORTS_A_CALL) await ask(busy, `/fill/${REPORTS_A_CALL}`);
    await busy.stop();

    const restarted = await start(contents);
    await ask(restarted, "/idle");
    const idleBytes = runtimeBytes();
    expect(await ask(restarted, "/")).toBe(String(ITEMS));
    const replayBytes = runtimeBytes() - idleBytes;
    await restarted.stop();
    expect(replayBytes).toBeLessThan(BYTES_MAX);
  },
);
