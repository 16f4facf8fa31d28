import { resolve } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { callerFolder, readOptions } from "../../scripts/runtime/options.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

const CALLER = "/home/ada/somewhere";
const read = (...args: readonly string[]) => readOptions(args, new Set(["FLUSH_WINDOW_MS"]), CALLER);

describe("--state", () => {
  it("is the project's own folder by default, wherever the caller stands", () => {
    expect(read().state).toBe(resolve(PROJECT_ROOT, ".wrangler/state"));
  });

  it("counts from the caller's folder", () => {
    expect(read("--state", "mine").state).toBe("/home/ada/somewhere/mine");
    expect(read("--state", "../mine").state).toBe("/home/ada/mine");
    expect(read("--state", "/srv/mine").state).toBe("/srv/mine");
  });

  it("counts from where npm was called, which runs its scripts elsewhere", () => {
    vi.stubEnv("INIT_CWD", CALLER);
    expect(callerFolder()).toBe(CALLER);
    vi.stubEnv("INIT_CWD", undefined);
    expect(callerFolder()).toBe(process.cwd());
    vi.unstubAllEnvs();
  });

  it.each(["", "  "])("is never nothing: %j would be the checkout itself", (state) => {
    expect(() => read("--state", state)).toThrow("--state must name a folder");
  });
});

describe("--var", () => {
  it("refuses a name that no worker knows, with those there are", () => {
    expect(() => read("--var", "FLUSH_WINDOWS_MS:1")).toThrow(
      "no worker has a var FLUSH_WINDOWS_MS; there are FLUSH_WINDOW_MS",
    );
  });

  it("says of one that an earlier release had what has taken its place", () => {
    expect(() => read("--var", "COMMIT_SPACING_MS:50")).toThrow(
      "the var COMMIT_SPACING_MS is gone; there are COMMIT_GROUP, COMMIT_WAIT_MS_MAX instead",
    );
  });
});

describe("--crons-every", () => {
  it("leaves the crons as they are unless given", () => {
    expect(read().cronSeconds).toBeNull();
    expect(read("--crons-every", "15").cronSeconds).toBe(15);
  });

  it.each(["0", "3601", "1.5", "", "often"])("refuses %j with its range", (seconds) => {
    expect(() => read("--crons-every", seconds)).toThrow("--crons-every must be in 1 … 3600");
  });
});
