import { describe, expect, it } from "vitest";
import { readFrontOptions } from "../../../bridge/redis-rest/read-front-options.ts";

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
