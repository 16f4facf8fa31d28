import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFrontOptions } from "../../../bridge/redis-rest/read-front-options.ts";

const UNCHANGEABLE = "/proc/sys/kernel/random/boot_id";

describe("where redis-server is", () => {
  it("may have an address of IPv6", () => {
    expect(readFrontOptions(["--redis", "redis://app:s%40cret@[::1]:6380"], {}).redis).toEqual({
      host: "::1",
      port: 6380,
      username: "app",
      password: "s@cret",
    });
  });

  it("can be told past the arguments, which every user of the machine can read", () => {
    const environment = { REDIS_URL: "redis://:secret@10.0.0.1" };
    expect(readFrontOptions([], environment).redis).toMatchObject({
      host: "10.0.0.1",
      port: 6379,
      password: "secret",
    });
    expect(readFrontOptions(["--redis", "redis://other"], environment).redis.host).toBe("other");
    expect(readFrontOptions([], {}).redis.host).toBe("127.0.0.1");
  });
});

describe("where the front listens, and what for", () => {
  it("is told by arguments first, and by nothing that can't be read", () => {
    // An empty host would be every address of the machine.
    expect(() => readFrontOptions(["--host", ""], {})).toThrow("--host must not be empty");
    expect(() => readFrontOptions(["--port", "70000"], {})).toThrow("--port must be in 0 … 65535");
    const folder = mkdtempSync(join(tmpdir(), "playhead-redis-rest-"));
    try {
      const file = join(folder, "token");
      writeFileSync(file, "the-token-in-the-file\n");
      const environment = { REDIS_REST_TOKEN: "the-token-of-the-environment" };
      expect(readFrontOptions(["--token-file", file], environment).token()).toBe("the-token-in-the-file");
      expect(readFrontOptions([], environment).token()).toBe("the-token-of-the-environment");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  // Nobody may change it, as nobody may change what a container is given.
  it.runIf(existsSync(UNCHANGEABLE))("may be a file that is somebody else's", () => {
    expect(readFrontOptions(["--token-file", UNCHANGEABLE], {}).token()).toMatch(/^[\da-f-]{36}$/);
  });
});
