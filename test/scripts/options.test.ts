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
      "the var COMMIT_SPACING_MS is gone; in its place: COMMIT_GROUP, COMMIT_WAIT_MS_MAX",
    );
    expect(() => read("--var", "HISTORY_BUCKETS:0-1023=0")).toThrow(
      "the var HISTORY_BUCKETS is gone; in its place: the map that is stored with the shards",
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

describe("--tcp-port", () => {
  it("is 3101 unless given, and nowhere if 0", () => {
    expect(read().tcp).toEqual({ port: 3_101, isDefault: true });
    expect(read("--tcp-port", "4000").tcp).toEqual({ port: 4_000, isDefault: false });
    expect(read("--tcp-port", "3101").tcp).toEqual({ port: 3_101, isDefault: false });
    expect(read("--tcp-port", "0").tcp).toEqual({ port: null, isDefault: false });
  });

  it("yields to the gateway's port, and is refused where both are named the same", () => {
    expect(read("--port", "3101").tcp).toEqual({ port: null, isDefault: true });
    expect(() => read("--port", "4000", "--tcp-port", "4000")).toThrow(
      "--tcp-port must be another than --port, 4000",
    );
    expect(read("--port", "0", "--tcp-port", "0").tcp.port).toBeNull();
  });

  it.each(["65536", "-1", "any"])("refuses %j with its range", (port) => {
    expect(() => read(`--tcp-port=${port}`)).toThrow("--tcp-port must be in 0 … 65535");
  });
});
