import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";
import { until } from "../support/until.ts";

let at: FrontAndServer;

beforeAll(async () => {
  at = await startFrontAndServer({
    bodyBytesMax: 100_000,
    replyBytesMax: 50_000,
    commandsMax: 100,
    subscriptionsMax: 2,
    heldBytesMax: 150_000,
  });
});
afterAll(() => at.stop());

const REFUSED = `
  MULTI, EXEC, DISCARD, WATCH k, UNWATCH, SELECT 1, AUTH x, HELLO 3
  QUIT, RESET, SUBSCRIBE c, PSUBSCRIBE c, SSUBSCRIBE c, UNSUBSCRIBE, MONITOR, SHUTDOWN
  DEBUG SLEEP 1, CLIENT KILL x, CLIENT REPLY OFF, CLIENT PAUSE 1000, client no-evict on, CONFIG SET dir /tmp, CONFIG GET requirepass, config get *, BLPOP k 0, brpop k 0
  BRPOPLPUSH a b 0, BLMOVE a b LEFT LEFT 0, BLMPOP 0 1 k LEFT, BZPOPMIN k 0, BZPOPMAX k 0, BZMPOP 0 1 k MIN, XREAD BLOCK 0 STREAMS s $, xreadgroup GROUP g c count 1 block 0 STREAMS s >
  WAIT 1 0, REPLICAOF NO ONE, MODULE LOAD x, SYNC, SCRIPT DEBUG YES
`
  .trim()
  .split(/,\s+|\n\s*/);

describe("a refused command", () => {
  it.each(REFUSED)("%s never reaches Redis", async (line) => {
    const command = line.split(" ");
    const response = await at.post("/", command);
    expect([response.status, await response.json()]).toEqual([
      400,
      {
        error: expect.stringMatching(
          new RegExp(`^ERR ${command[0]?.toUpperCase()}.* is not available over REST$`),
        ),
      },
    ]);
    const pipeline = await at.post("/pipeline", [["SET", "k", "1"], command, ["GET", "k"]]);
    expect(await pipeline.json()).toEqual([
      { result: "OK" },
      { error: expect.stringContaining("not available") },
      { result: "1" },
    ]);
  });

  it("is told from a key, group or subcommand that only looks like it", async () => {
    await at.native.xadd("BLOCK", "1-1", "f", "v");
    expect((await at.post("/", ["XREAD", "COUNT", 1, "STREAMS", "BLOCK", "0"])).status).toBe(200);
    expect((await at.post("/", ["XGROUP", "CREATE", "BLOCK", "BLOCK", "0"])).status).toBe(200);
    expect(
      (await at.post("/", ["XREADGROUP", "GROUP", "BLOCK", "BLOCK", "STREAMS", "BLOCK", ">"])).status,
    ).toBe(200);
    expect((await at.post("/", ["CLIENT", "ID"])).status).toBe(200);
  });
});

describe("limits", () => {
  it("refuse a body that is too long, told or found to be so", async () => {
    const body = JSON.stringify(["SET", "k", "x".repeat(100_001)]);
    expect((await at.post("/", body)).status).toBe(413);
    const chunked = await fetch(at.url, {
      method: "POST",
      headers: { authorization: `Bearer ${at.token}` },
      body: new Blob([body]).stream(),
      duplex: "half",
    } as RequestInit);
    expect([chunked.status, await chunked.json()]).toEqual([
      413,
      { error: "ERR a request may have 100000 bytes" },
    ]);
  });

  it("refuse more commands than may wait, and forget those who have left", async () => {
    const pings = async (count: number): Promise<number> =>
      (
        await at.post(
          "/pipeline",
          Array.from({ length: count }, () => ["PING"]),
        )
      ).status;
    expect(await pings(101)).toBe(413);
    at.hang();
    const both = [pings(60), pings(60)];
    try {
      expect(await Promise.race(both)).toBe(503);
    } finally {
      at.resume();
    }
    expect((await Promise.all(both)).toSorted((a, b) => a - b)).toEqual([200, 503]);
    expect(await pings(100)).toBe(200);
  });

  it("refuse to hold more bytes than all requests together may have", async () => {
    const half = connect(Number(new URL(at.url).port), "127.0.0.1");
    half.write(
      `POST / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${at.token}\r\ncontent-length: 100000\r\n\r\n${"x".repeat(90_000)}`,
    );
    await once(half, "connect");
    const status = async (): Promise<number> => (await at.post("/", ["SET", "k", "x".repeat(90_000)])).status;
    await until("the other half is refused", async () => (await status()) === 503);
    half.destroy();
    await until("it is taken", async () => (await status()) === 200);
    expect(await at.native.strlen("k")).toBe(90_000);
  });

  it("tell that what was done is too long to be shown", async () => {
    await at.native.set("long", "x".repeat(60_000));
    const response = await at.post("/pipeline", [
      ["GET", "long"],
      ["SET", "done", "1"],
    ]);
    expect(await response.json()).toEqual([
      { error: expect.stringContaining("done, but") },
      { result: "OK" },
    ]);
  });

  it("bound what many replies to one request hold while they come", async () => {
    await at.native.set("third", "x".repeat(15_000));
    const response = await at.post(
      "/pipeline",
      Array.from({ length: 100 }, () => ["GET", "third"]),
    );
    const answers = (await response.json()) as readonly {
      readonly result?: string;
      readonly error?: string;
    }[];
    expect(answers.map(({ result, error }) => result?.length ?? error?.slice(0, 9))).toEqual([
      15_000,
      15_000,
      15_000,
      ...Array.from({ length: 97 }, () => "ERR done,"),
    ]);
    expect((await at.post("/", ["SET", "k", "x".repeat(90_000)])).status).toBe(200);
  });

  it("refuse a subscription too many, and free its place when it ends", async () => {
    const open = async (abort: AbortController) =>
      await fetch(`${at.url}/subscribe/c`, {
        method: "POST",
        headers: { authorization: `Bearer ${at.token}` },
        signal: abort.signal,
      });
    const readers = [new AbortController(), new AbortController(), new AbortController()] as const;
    expect([
      (await open(readers[0])).status,
      (await open(readers[1])).status,
      (await open(readers[2])).status,
    ]).toEqual([200, 200, 503]);
    readers[0].abort();
    await until("the place is free", async () => (await open(readers[2])).status === 200);
    readers[1].abort();
    readers[2].abort();
  });
});
