import { createServer, request as send, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { Admission } from "../../../bridge/shared/admission.ts";
import { handle, WORDS, type FrontParts } from "../../../bridge/redis-rest/front-handler.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

interface Asked {
  readonly answer: (reply: unknown) => void;
}

/** The handler before a Redis that answers when the test says so. */
async function serve(bytesMax = 1_000) {
  const told: unknown[] = [];
  const asked: Asked[] = [];
  const link = {
    send: async (commands: readonly unknown[], keep: (reply: unknown) => unknown) => {
      const reply = await new Promise((answer) => asked.push({ answer }));
      if (reply instanceof TypeError) throw reply;
      return commands.map(() => keep(reply));
    },
  };
  const parts = {
    link,
    admission: new Admission({ itemsMax: 100, bytesMax }, WORDS),
    isAuthorized: () => true,
    bodyBytesMax: 1_000,
    replyBytesMax: 1_000,
    onBug: (error: unknown) => told.push(error),
  } as unknown as FrontParts;
  let handled = 0;
  const server = createServer(
    (request, response) => void handle(parts, request, response).then(() => (handled += 1)),
  ).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, told, asked, handled: () => handled };
}

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

describe("a request that fails for a reason of ours", () => {
  it("is told, though its body was read to the end", async () => {
    const { url, told, asked } = await serve();
    const response = fetch(url, { method: "POST", body: '["GET","k"]' });
    await until(() => asked.length === 1);
    asked[0]?.answer(new TypeError("a bug"));
    expect([(await response).status, told]).toEqual([500, [expect.objectContaining({ message: "a bug" })]]);
  });
});

describe("a client that goes before its answer", () => {
  it("gives its bytes back only when Redis has answered: until then they are held", async () => {
    const { url, asked, told, handled } = await serve();
    const body = JSON.stringify(["SET", "k", "x".repeat(600)]);
    const gone = send(url, { method: "POST" }).on("error", () => undefined);
    gone.end(body);
    await until(() => asked.length === 1);
    const left = new Promise((resolve) => gone.once("close", resolve));
    gone.destroy();
    await left;
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect((await fetch(url, { method: "POST", body })).status).toBe(503);
    asked[0]?.answer(new Uint8Array(2));
    await until(() => handled() === 2);
    const next = fetch(url, { method: "POST", body });
    await until(() => asked.length === 2);
    asked[1]?.answer(new Uint8Array(2));
    expect([(await next).status, told]).toEqual([200, []]);
  });
});
