import { spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { claimStateFolder } from "../../scripts/runtime/state-folder.ts";

/** What happens between finding the lock taken and looking who has it. */
const meanwhile = vi.hoisted(() => ({ happens: (): void => undefined }));
vi.mock(import("node:fs"), async (original) => {
  const fs = await original();
  const linkSync: typeof fs.linkSync = (from, to) => {
    try {
      fs.linkSync(from, to);
    } catch (error) {
      meanwhile.happens();
      throw error;
    }
  };
  return { ...fs, linkSync };
});

let root = "";
let children: ChildProcess[] = [];
const state = (): string => join(root, "state");
const lock = (): string => join(state(), "launcher.pid");
const modeOf = (...path: readonly string[]): string => (statSync(join(...path)).mode & 0o777).toString(8);

/** A process with such a command line, and how it ended. */
async function pretend(command: string): Promise<{ readonly pid: number; readonly ended: Promise<unknown> }> {
  const child = spawn("sh", ["-c", `sleep 30; : ${command}`]);
  children.push(child);
  await new Promise((resolve) => child.once("spawn", resolve));
  return {
    pid: child.pid ?? 0,
    ended: new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal))),
  };
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "playhead-state-"));
});

afterEach(() => {
  meanwhile.happens = () => undefined;
  for (const child of children) child.kill("SIGKILL");
  children = [];
  rmSync(root, { recursive: true, force: true });
});

describe("the lock of a state folder", () => {
  it.each(["start", "dev", "migrate"])("is kept by scripts/%s.ts for as long as it runs", async (script) => {
    mkdirSync(state());
    const { pid } = await pretend(`scripts/${script}.ts`);
    writeFileSync(lock(), `${pid}\n`);
    expect(() => claimStateFolder(state(), { fresh: true })).toThrow(`in use by process ${pid}`);
    expect(readFileSync(lock(), "utf8")).toBe(`${pid}\n`);
  });

  it("is taken from a launcher that has ended, and from a number that is another program's now", async () => {
    mkdirSync(state());
    const { pid } = await pretend("something else");
    for (const stale of [`${2 ** 30}\n`, `${pid}\n`, "", "garbage\n"]) {
      writeFileSync(lock(), stale);
      const giveBack = claimStateFolder(state(), { fresh: false });
      expect(readFileSync(lock(), "utf8")).toBe(`${process.pid}\n`);
      giveBack();
      expect(existsSync(lock())).toBe(false);
    }
  });

  it("is taken though its holder leaves while one looks who that is", () => {
    mkdirSync(state());
    writeFileSync(lock(), `${2 ** 30}\n`);
    let looks = 0;
    meanwhile.happens = () => {
      looks += 1;
      rmSync(lock(), { force: true });
    };
    claimStateFolder(state(), { fresh: false })();
    expect(looks).toBe(1);
  });

  it("is not tried for without end where others take it and leave it each time one looks", () => {
    mkdirSync(state());
    let looks = 0;
    meanwhile.happens = () => void (looks += 1);
    // Taken whenever one tries, and nobody's whenever one looks.
    symlinkSync(join(root, "nowhere"), lock());
    expect(() => claimStateFolder(state(), { fresh: false })).toThrow("in use by another process");
    expect(looks).toBeLessThanOrEqual(10);
    expect(readdirSync(state())).toEqual(["launcher.pid"]);
  });

  it("ends the runtime that a killed launcher has left, and no other program with its number", async () => {
    mkdirSync(state());
    const innocent = await pretend("not the runtime");
    writeFileSync(lock(), `${2 ** 30}\n${innocent.pid}\n`);
    claimStateFolder(state(), { fresh: false })();
    const orphan = await pretend("/somewhere/workerd serve --binary");
    writeFileSync(lock(), `${2 ** 30}\n${orphan.pid}\n`);
    claimStateFolder(state(), { fresh: false })();
    expect(await orphan.ended).toBe("SIGKILL");
    expect(() => process.kill(innocent.pid, 0)).not.toThrow();
  });

  it("is taken though that runtime ends by itself while one looks", async () => {
    mkdirSync(state());
    const orphan = await pretend("/somewhere/workerd serve --binary");
    writeFileSync(lock(), `${2 ** 30}\n${orphan.pid}\n`);
    const kill = vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error("kill ESRCH"), { code: "ESRCH" });
    });
    claimStateFolder(state(), { fresh: false })();
    expect(kill.mock.calls).toEqual([[orphan.pid, "SIGKILL"]]);
    kill.mockRestore();
  });
});

describe("other users of the machine", () => {
  it("see nothing of a folder made before, whatever its modes were", () => {
    mkdirSync(join(state(), "v3", "d1"), { recursive: true });
    writeFileSync(join(state(), "migrated.json"), "{}");
    for (const path of [state(), join(state(), "v3")]) chmodSync(path, 0o755);
    chmodSync(join(state(), "migrated.json"), 0o644);
    claimStateFolder(state(), { fresh: false })();
    expect([
      modeOf(state()),
      modeOf(state(), "v3"),
      modeOf(state(), "logs"),
      modeOf(state(), "migrated.json"),
    ]).toEqual(["700", "700", "700", "600"]);
  });

  it("keep their way into a folder that holds other things, too", () => {
    mkdirSync(state());
    chmodSync(state(), 0o755);
    writeFileSync(join(state(), "thesis.txt"), "");
    chmodSync(join(state(), "thesis.txt"), 0o644);
    claimStateFolder(state(), { fresh: true })();
    expect([modeOf(state()), modeOf(state(), "thesis.txt"), modeOf(state(), "logs")]).toEqual([
      "755",
      "644",
      "700",
    ]);
  });
});
