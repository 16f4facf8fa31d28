import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/runtime/free-port.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { until } from "../support/until.ts";

const SECRET = "0123456789-0123456789";
const AUTHORIZATION = `Basic ${btoa(`playhead:${SECRET}`)}`;
const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

/** A front whose Kafka, or Redis, isn't there. */
async function start(front: "kafka-rest" | "redis-rest", args: readonly string[] = ["--port", "0"]) {
  const nobody = `127.0.0.1:${await freePort()}`;
  const child = spawn(process.execPath, [`bridge/${front}/main.ts`, ...args], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      KAFKA_BROKERS: nobody,
      KAFKA_REST_PASSWORD: SECRET,
      REDIS_URL: `redis://${nobody}`,
      REDIS_REST_TOKEN: SECRET,
    },
  });
  running.push(child);
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, ended, said: () => said, url: () => /^ready (\S+)$/m.exec(said)?.[1] ?? "" };
}

describe.each(["kafka-rest", "redis-rest"] as const)("%s as a process", (front) => {
  it("says in a line that its port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { ended, said } = await start(front, ["--port", String(port)]);
    expect(await ended).toEqual([1, null]);
    expect(said()).toMatch(new RegExp(`^${front}: .*EADDRINUSE.*\n$`));
    server.close();
  });

  it("stops once, however often it is told to, and answers what is under way", async () => {
    const { child, ended, said, url } = await start(front);
    await until("it is ready", () => url() !== "", 20_000);
    const socket = connect(Number(new URL(url()).port), "127.0.0.1");
    let heard = "";
    socket.setEncoding("utf8").on("data", (text: string) => (heard += text));
    socket.on("error", () => undefined);
    const body = '{"topic":"t","value":"x"}';
    const head = `POST /${front === "kafka-rest" ? "produce" : ""} HTTP/1.1\r\nhost: x\r\n`;
    const authorization = front === "kafka-rest" ? AUTHORIZATION : `Bearer ${SECRET}`;
    socket.write(`${head}authorization: ${authorization}\r\ncontent-length: ${body.length}\r\n\r\n{`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const signal of ["SIGTERM", "SIGTERM", "SIGINT", "SIGINT"] as const) {
      child.kill(signal);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    socket.write(body.slice(1));
    expect(await ended).toEqual([0, null]);
    expect(heard).toMatch(/^HTTP\/1\.1 [45]\d\d /);
    expect(said()).not.toContain("rror:");
  });

  it("takes a client that hangs up in the middle of its request for none", async () => {
    const { said, url } = await start(front);
    await until("it is ready", () => url() !== "", 20_000);
    const before = said();
    const authorization = front === "kafka-rest" ? AUTHORIZATION : `Bearer ${SECRET}`;
    const path = front === "kafka-rest" ? "/produce" : "/";
    for (let count = 0; count < 3; count += 1) {
      const socket = connect(Number(new URL(url()).port), "127.0.0.1");
      await once(socket, "connect");
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-length: 9\r\n\r\n{`,
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.resetAndDestroy();
    }
    expect((await fetch(`${url()}/healthz`)).status).toBe(503);
    expect(said().replace(before, "")).not.toMatch(/internal error|bug|failed/);
  });
});
