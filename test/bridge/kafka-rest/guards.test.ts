import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { basicCheck } from "../../../bridge/kafka-rest/basic-auth.ts";
import { jsonLog } from "../../../bridge/kafka-rest/log.ts";
import { Partitioner } from "../../../bridge/kafka-rest/partitioner.ts";
import {
  readConsume,
  readFetch,
  readMessages,
  readName,
  readOffsets,
  readPartitions,
  readTimestamp,
} from "../../../bridge/kafka-rest/read-bodies.ts";
import { readBridgeOptions } from "../../../bridge/kafka-rest/read-bridge-options.ts";
import { readRequest } from "../../../bridge/kafka-rest/read-request.ts";
import { FrontError } from "../../../bridge/shared/front-error.ts";

const LOGIN = { username: "playhead", password: "0123456789abcdef" };
const body = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
const refused = (status: number): unknown => expect.objectContaining({ status });

describe("the login", () => {
  it("is the only one that passes", () => {
    const passes = basicCheck(LOGIN);
    const right = "playhead:0123456789abcdef";
    expect([passes(basic(right)), passes(basic(right).replace("Basic", "basic"))]).toEqual([true, true]);
    fc.assert(fc.property(fc.string(), (guess) => !passes(basic(guess)) && !passes(guess)));
    for (const near of [
      undefined,
      "",
      "Basic",
      `Bearer ${right}`,
      basic(`${right} `),
      basic(":0123456789abcdef"),
    ])
      expect(passes(near)).toBe(false);
  });

  it("is refused where it could be guessed, or the scheme can't carry it", () => {
    expect(() => basicCheck({ ...LOGIN, password: "short" })).toThrow(RangeError);
    expect(() => basicCheck({ ...LOGIN, username: "a:b" })).toThrow(RangeError);
  });
});

describe("a path", () => {
  const ask = (method: string, url: string) => readRequest({ method, url } as IncomingMessage);

  it("names a member as the client puts it there", () => {
    expect(ask("POST", "/consume/my-group/one")).toEqual({
      what: "consume",
      groupId: "my-group",
      instanceId: "one",
    });
    expect(ask("POST", "/commit/gr%C3%BCppe/1")).toMatchObject({ groupId: "grüppe" });
    expect(ask("POST", "/offsets/earliest")).toEqual({ what: "offsets", timestamp: -2n });
    expect(ask("GET", "/topics")).toEqual({ what: "topics" });
  });

  it.each(["/", "/produce/t", "/consume/g", "/consume/g/i/x", "/toString", "/__proto__", "/offsets", ""])(
    "is not %s",
    (url) => {
      expect(() => ask("POST", url)).toThrow(refused(404));
    },
  );

  it("has one method", () => {
    expect(() => ask("GET", "/produce")).toThrow(refused(405));
    expect(() => ask("POST", "/topics")).toThrow(refused(405));
  });

  it("has names without blanks, and times that are times", () => {
    for (const name of ["%20", "a%20b", "%ff", "x".repeat(256)])
      expect(() => readName(name)).toThrow(refused(400));
    for (const time of ["-1", "soon", "1e3", "1".repeat(16)])
      expect(() => readTimestamp(time)).toThrow(refused(400));
  });
});

describe("a body", () => {
  const good = { topic: "t", value: "v" };

  it("is one message or many, with what clients leave out", () => {
    expect(readMessages(body({ ...good, key: null, headers: [] }), 10)).toMatchObject([good]);
    expect(readMessages(body([good, { ...good, key: "", partition: 1 }]), 10)).toHaveLength(2);
  });

  it.each([
    ["no list at all", 400, []],
    ["too many", 413, Array.from({ length: 11 }, () => good)],
    ["a value that is no text", 400, { ...good, value: { a: 1 } }],
    ["half a surrogate pair", 400, { ...good, value: "\ud800" }],
    ["a topic with a slash", 400, { ...good, topic: "a/b" }],
    ["a topic of dots", 400, { ...good, topic: ".." }],
    ["a partition below 0", 400, { ...good, partition: -1 }],
    ["a partition of Infinity", 400, { ...good, partition: 1e99 }],
    ["headers as an object", 400, { ...good, headers: { id: "1" } }],
    ["null", 400, null],
  ])("is refused with %s", (_what, status, value) => {
    expect(() => readMessages(body(value), 10)).toThrow(refused(status));
  });

  it("is JSON in UTF-8", () => {
    for (const bytes of ["", "{", '"\xff"'])
      expect(() => readMessages(Buffer.from(bytes, "latin1"), 10)).toThrow(refused(400));
  });

  it("names each partition once", () => {
    const place = { topic: "t", partition: 0 };
    expect(
      readFetch(body({ ...place, offset: 1, topicPartitionOffsets: [{ ...place, offset: 2 }], timeout: 5 })),
    ).toEqual({ from: [{ ...place, offset: 2 }], timeoutMs: 5 });
    expect(readPartitions(body([place, place]))).toEqual([place]);
    expect(readOffsets(body({ ...place, offset: 3 }))).toEqual([{ ...place, offset: 3 }]);
    expect([readOffsets(Buffer.alloc(0)), readPartitions(Buffer.alloc(0))]).toEqual([null, null]);
    expect(() => readFetch(body({ topic: "t", partition: 0 }))).toThrow(refused(400));
    expect(() => readFetch(body({}))).toThrow(refused(400));
  });

  it("has topics in an order of their own", () => {
    expect(readConsume(body({ topics: ["b", "a", "b"] }))).toEqual({ topics: ["a", "b"], timeoutMs: null });
    expect(() => readConsume(body({ topics: [] }))).toThrow(refused(400));
  });

  it("of any kind is read or refused, and nothing else", () => {
    const readers = [
      readFetch,
      readConsume,
      readOffsets,
      readPartitions,
      (bytes: Buffer) => readMessages(bytes, 10),
    ];
    const statusOf = (read: () => unknown): unknown => {
      try {
        read();
        return 200;
      } catch (error) {
        return error instanceof FrontError ? error.status : error;
      }
    };
    fc.assert(
      fc.property(fc.json(), (text) => {
        for (const read of readers)
          expect([200, 400, 413]).toContain(statusOf(() => read(Buffer.from(text))));
      }),
    );
  });
});

describe("the partitioner", () => {
  it("keeps what has no key in one partition a request, and takes the next for the next", () => {
    const partitioner = new Partitioner();
    const chosen = [0, 1, 2, 3].map(() => {
      const choose = partitioner.chooser("t", 3);
      return [choose(undefined, undefined), choose(undefined, undefined)];
    });
    expect(chosen).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [0, 0],
    ]);
  });

  it("refuses a partition that isn't there", () => {
    expect(() => new Partitioner().chooser("t", 3)(3, undefined)).toThrow(refused(404));
  });
});

describe("the log", () => {
  it("writes the first lines of a flood, and then how many there were", () => {
    let nowMs = 0;
    const lines: unknown[] = [];
    const log = jsonLog(
      (line) => void lines.push(JSON.parse(line)),
      () => nowMs,
    );
    for (let count = 0; count < 1_000; count += 1) log("error", "request failed", { status: 503 });
    log("info", "started");
    expect(lines).toHaveLength(21);
    nowMs = 10_000;
    log("error", "request failed", { status: 503 });
    expect(lines.at(-1)).toEqual({
      level: "error",
      event: "request failed",
      at: 10_000,
      status: 503,
      leftOut: 980,
    });
  });
});

describe("options", () => {
  it("may come from the environment, which other users can't read", () => {
    const { kafka, login, createPartitions } = readBridgeOptions([], {
      KAFKA_BROKERS: "b1.example.com:9096, b2.example.com:9096",
      KAFKA_TLS: "on",
      KAFKA_USERNAME: "app",
      KAFKA_PASSWORD: "secret",
      KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
      KAFKA_REST_PASSWORD: LOGIN.password,
      KAFKA_CREATE_TOPICS: "3",
    });
    expect([kafka(), login(), createPartitions]).toEqual([
      {
        brokers: ["b1.example.com:9096", "b2.example.com:9096"],
        login: { mechanism: "SCRAM-SHA-512", username: "app", password: "secret" },
        tls: {},
      },
      LOGIN,
      3,
    ]);
  });

  it("are refused by name", () => {
    expect(() => readBridgeOptions(["--kafka", "no-port"], {}).kafka()).toThrow("--kafka must be host:port");
    expect(() => readBridgeOptions(["--port", "70000"], {})).toThrow("--port must be in 0 … 65535");
    expect(() => readBridgeOptions([], { KAFKA_USERNAME: "app" }).kafka()).toThrow("belong together");
    expect(() =>
      readBridgeOptions([], {
        KAFKA_USERNAME: "a",
        KAFKA_PASSWORD: "b",
        KAFKA_SASL_MECHANISM: "MD5",
      }).kafka(),
    ).toThrow("KAFKA_SASL_MECHANISM");
    expect(() => readBridgeOptions([], {}).login()).toThrow("--password-file or KAFKA_REST_PASSWORD");
    for (const broker of ["b1:0", "b1:65536", "b1:9092,", ""])
      expect(() => readBridgeOptions(["--kafka", broker], {}).kafka()).toThrow("--kafka must be host:port");
  });

  it("leave nothing open that was meant to be closed", () => {
    // An empty host would be every address of the machine.
    expect(() => readBridgeOptions(["--host", ""], {})).toThrow("--host must not be empty");
    for (const value of ["true", "1", "ON", ""])
      expect(() => readBridgeOptions([], { KAFKA_TLS: value })).toThrow("KAFKA_TLS must be on or off");
    expect(readBridgeOptions([], { KAFKA_TLS: "off" }).kafka()).toEqual({ brokers: ["127.0.0.1:9092"] });
    expect(() => readBridgeOptions([], { KAFKA_SASL_MECHANISM: "PLAIN" }).kafka()).toThrow("belong together");
    expect(() => readBridgeOptions([], { KAFKA_USERNAME: "", KAFKA_PASSWORD: "x" }).kafka()).toThrow(
      "KAFKA_USERNAME",
    );
  });

  it("on the command line come before the environment", () => {
    const folder = mkdtempSync(join(tmpdir(), "playhead-kafka-rest-"));
    try {
      const file = join(folder, "password");
      writeFileSync(file, "the-password-in-the-file\n");
      const environment = { KAFKA_REST_PASSWORD: "the-password-of-the-environment" };
      expect(readBridgeOptions(["--password-file", file], environment).login().password).toBe(
        "the-password-in-the-file",
      );
      writeFileSync(file, "no certificate");
      expect(() => readBridgeOptions(["--ca", file], {}).kafka()).toThrow("holds no certificate");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
