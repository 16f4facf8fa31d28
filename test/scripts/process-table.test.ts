import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  descendantsOf,
  processesInProc,
  processesOfPs,
  runningProcesses,
} from "../../scripts/runtime/process-table.ts";

const SOURCES = [
  ["ps", processesOfPs] as const,
  ...(existsSync("/proc/self/stat") ? [["/proc", processesInProc] as const] : []),
];

describe.each(SOURCES)("the table of processes from %s", (_name, read) => {
  it("has this process, its parent and what it was started with", () => {
    const own = read().find(({ pid }) => pid === process.pid);
    expect(own).toMatchObject({
      pid: process.pid,
      parent: process.ppid,
      command: expect.stringMatching(/\S/),
    });
  });

  it("has children with their arguments, whatever blanks and brackets are in them", async () => {
    const child = spawn("sh", ["-c", "sleep 30; : 'scripts/start.ts (x) y'"]);
    try {
      await new Promise((resolve) => child.once("spawn", resolve));
      const below = descendantsOf(process.pid, read());
      expect(below.find(({ pid }) => pid === child.pid)?.command).toContain("scripts/start.ts (x) y");
    } finally {
      child.kill("SIGKILL");
    }
  });
});

it("is empty below a process that there isn't", () => {
  expect(descendantsOf(2 ** 30, runningProcesses())).toEqual([]);
});
