import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import {
  exportPositions,
  importPositions,
  type Position,
  ROW_LENGTH,
  streamOf,
} from "../../examples/positions-export.ts";
import { RespLineSession, sendInBytes, startRespLines } from "../../examples/resp-lines.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { concat, latin1, piecesOf } from "./support/pieces.ts";

describe("the example of lines", () => {
  it("answers commands that come byte by byte over a socket, and goes on after a line that is too long", async () => {
    const { port, server } = await startRespLines();
    try {
      const answer = await sendInBytes(port, ["PING", "ECHO a b", "x".repeat(65), "PING", "GET a"]);
      expect(answer).toBe(
        "+PONG\r\n$3\r\na b\r\n-ERR Protocol error: too big inline request\r\n+PONG\r\n-ERR unknown command\r\n",
      );
    } finally {
      server.close();
    }
  });

  it("holds little for a client that asks and doesn't read", async () => {
    const { port, server } = await startRespLines();
    const connected = once(server, "connection") as Promise<[Socket]>;
    const client = connect(port, "127.0.0.1").on("error", () => undefined);
    try {
      const [served] = await connected;
      const lines = `ECHO ${"x".repeat(50)}\n`.repeat(20_000);
      // Several times what the system takes for both of them.
      for (let count = 0; count < 20; count += 1) client.write(lines);
      while (!served.isPaused()) await new Promise((resolve) => setImmediate(resolve));
      expect(served.writableLength).toBeLessThan(1_000_000);
      client.resume();
      while (client.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
    } finally {
      client.destroy();
      server.close();
    }
  });

  it("sends no command within a command", async () => {
    await expect(sendInBytes(0, ["ECHO a\nFLUSHALL"])).rejects.toThrow("the frame holds a delimiter");
  });

  it("gives a line its time from its first byte on, however many more trickle in", () => {
    const session = new RespLineSession();
    expect(session.receive(latin1("PING\r\n"), 1_000)).toEqual(["+PONG\r\n"]);
    expect(session.dueAtMs).toBeNull();
    session.receive(latin1("P"), 2_000);
    session.receive(latin1("I"), 6_000);
    expect(session.dueAtMs).toBe(7_000);
    session.receive(latin1("NG\nP"), 6_500);
    expect(session.dueAtMs).toBe(11_500);
    session.receive(latin1("x".repeat(100)), 8_000);
    session.receive(latin1("x"), 9_000);
    expect(session.dueAtMs).toBe(13_000);
    session.receive(latin1("\n"), 10_000);
    expect(session.dueAtMs).toBeNull();
  });
});

describe("the example of fixed cells", () => {
  const rows = Array.from({ length: 5 }, (_, index): Position => {
    return {
      kind: index % 2 === 0 ? "video" : "audio",
      itemId: `épisode-${index}`,
      positionMs: index * 1_000,
      watchedAtMs: 1_790_000_000_000,
    };
  });

  async function readAll<Value>(values: AsyncIterable<Value>): Promise<readonly Value[]> {
    const all: Value[] = [];
    for await (const value of values) all.push(value);
    return all;
  }

  it("gives back what was exported, in pieces of any size", async () => {
    const bytes = concat(await readAll(exportPositions(streamOf(rows))));
    expect(bytes).toHaveLength(rows.length * ROW_LENGTH);
    for (const size of [1, 63, 64, 65, 1_000])
      expect(await readAll(importPositions(streamOf(piecesOf(bytes, size))))).toEqual(rows);
  });

  it("tells an export that was cut, and refuses an item that has no room in its cell", async () => {
    const bytes = concat(await readAll(exportPositions(streamOf(rows))));
    await expect(readAll(importPositions(streamOf([bytes.subarray(0, -1)])))).rejects.toMatchObject({
      fault: "truncated",
    });
    const long = streamOf([
      { kind: "video", itemId: "x".repeat(47), positionMs: 0, watchedAtMs: 0 } as const,
    ]);
    await expect(readAll(exportPositions(long))).rejects.toThrow("itemId has 47 bytes, its cell 46");
  });

  it("runs from the command line", () => {
    const printed = execFileSync(process.execPath, ["examples/positions-export.ts"], {
      cwd: PROJECT_ROOT,
      encoding: "utf8",
    });
    expect(printed).toContain(
      '1000 rows of 64 bytes, read in pieces of 100; row 700, read alone: {"kind":"video","itemId":"episode-700"',
    );
  });
});
