import { bundleWorker } from "../../scripts/runtime/bundle.ts";
import { startPlatform } from "../../scripts/runtime/platform.ts";
import { startServer, type ServerOptions } from "./server.ts";
import type { Seen } from "./worker.ts";

/*
 * Frames by length field, over a real socket: a TCP server in Node that writes a byte at a time,
 * and a worker in workerd that reads its packets through `connect()` of `cloudflare:sockets`.
 *
 *   npx node examples/goim-over-tcp/run.ts
 */

const WORKER = "goim-client";

/** Starts both, lets them talk, stops both. */
export async function talkOverTcp(options: ServerOptions): Promise<Seen> {
  const { port, server } = await startServer(options);
  try {
    const contents = await bundleWorker(`${import.meta.dirname}/worker.ts`);
    const platform = await startPlatform({
      entry: WORKER,
      port: 0,
      workers: [
        {
          name: WORKER,
          compatibilityDate: "2026-10-23",
          modules: [{ type: "ESModule", path: "index.js", contents }],
          bindings: { SERVER_PORT: port },
        },
      ],
    });
    try {
      const response = await fetch(platform.url);
      if (!response.ok) throw new Error(`the worker answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as Seen;
    } finally {
      await platform.stop();
    }
  } finally {
    server.close();
  }
}

if (import.meta.main) {
  for (const ending of ["clean", "cut", "lying"] as const)
    console.log(ending, await talkOverTcp({ pieceLength: 1, ending }));
}
