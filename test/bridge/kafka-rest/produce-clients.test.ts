import { expect, it } from "vitest";
import { ProduceClients, ProduceTimeout } from "../../../bridge/kafka-rest/produce-clients.ts";
import { FrontError } from "../../../bridge/shared/front-error.ts";
import { freePort } from "../../../scripts/runtime/free-port.ts";

const LIMIT_MS = 300;
const MORE_THAN_CLIENTS = 100;

it("more batches than may be under way wait for a place, and none for longer than its time", async () => {
  const clients = new ProduceClients({ brokers: [`127.0.0.1:${await freePort()}`] });
  const startedAtMs = performance.now();
  const message = { topic: "t", partition: 0, value: Buffer.from("x"), timestamp: 0n };
  const ends = await Promise.all(
    Array.from({ length: MORE_THAN_CLIENTS }, async () => {
      const error: unknown = await clients.send([message], LIMIT_MS).catch((reason: unknown) => reason);
      return [error instanceof ProduceTimeout || error instanceof FrontError, performance.now()] as const;
    }),
  );
  expect(ends.every(([isKnown]) => isKnown)).toBe(true);
  expect(Math.max(...ends.map(([, atMs]) => atMs)) - startedAtMs).toBeLessThan(10 * LIMIT_MS);
  await clients.close();
  await expect(clients.send([message], LIMIT_MS)).rejects.toMatchObject({ status: 503 });
});
