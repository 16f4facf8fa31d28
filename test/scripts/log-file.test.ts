import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LogFile } from "../../scripts/runtime/log-file.ts";

const LINE = "x".repeat(1_000_000);
let folder = "";
let troubles: string[] = [];
const open = (path = join(folder, "a.ndjson")): LogFile =>
  new LogFile(path, (error) => void troubles.push(error.message));
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "playhead-log-"));
  troubles = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a log file", () => {
  it("has every line, and no more than two files of ten megabytes", async () => {
    const log = open();
    for (let line = 0; line < 35; line += 1) {
      log.write(LINE);
      await settled();
    }
    await log.close();
    const sizes = [log.path, `${log.path}.old`].map((path) => statSync(path).size);
    expect(Math.max(...sizes)).toBeLessThan(12_000_000);
    expect(readFileSync(log.path, "utf8").endsWith(`${LINE}\n`)).toBe(true);
    expect(troubles).toEqual([]);
  });

  it("in a folder that has gone is told once, and ends nobody", async () => {
    const log = open();
    await settled();
    rmSync(folder, { recursive: true });
    for (let line = 0; line < 40; line += 1) {
      log.write(LINE);
      await settled();
    }
    expect(troubles).toEqual([expect.stringContaining("ENOENT")]);
    await log.close();
  });

  it("that can't be opened is told once, and closes", async () => {
    const log = open(join(folder, "nowhere", "a.ndjson"));
    for (let line = 0; line < 3; line += 1) {
      log.write("line");
      await settled();
    }
    expect(troubles).toEqual([expect.stringContaining("ENOENT")]);
    await log.close();
  });
});
