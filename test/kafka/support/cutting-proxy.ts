import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Kafka's number for a produce, in the fifth and sixth byte of a request. */
const PRODUCE = 0;

/** Stands between clients and a broker, and loses answers. */
export interface CuttingProxy {
  readonly port: number;
  /** Where the broker is, as soon as it is known. */
  target: number;
  /** Produces whose answers come before the next one is lost; null: none is. */
  cutEvery: number | null;
  /** Answers that were lost, each after the broker had written. */
  readonly cuts: () => number;
  readonly close: () => Promise<void>;
}

export async function startCuttingProxy(): Promise<CuttingProxy> {
  let produces = 0;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect(proxy.target, "127.0.0.1");
    let cutNext = false;
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.on("data", (data: Buffer) => {
      // One request is under way on a producer's connection, so a piece begins with its head.
      if (proxy.cutEvery !== null && data.length > 6 && data.readInt16BE(4) === PRODUCE) {
        produces += 1;
        cutNext = produces % proxy.cutEvery === 0;
      }
      broker.write(data);
    });
    broker.on("data", (data: Buffer) => {
      if (!cutNext) {
        client.write(data);
        return;
      }
      cuts += 1;
      client.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: CuttingProxy = {
    port: (server.address() as AddressInfo).port,
    target: 0,
    cutEvery: null,
    cuts: () => cuts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}
