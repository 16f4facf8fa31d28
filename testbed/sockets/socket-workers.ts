import { bundleWorker } from "../../scripts/runtime/bundle.ts";
import type { RunnableWorker } from "../../scripts/runtime/platform.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

export const SOCKET_DRIVER = "socket-driver";
const REALTIME = "playhead-realtime";

/**
 * The realtime worker with its objects counting, and beside all workers one that drives sockets.
 */
export async function withSocketDriver(workers: readonly RunnableWorker[]): Promise<RunnableWorker[]> {
  const counted = await moduleOf("counted-realtime");
  const driver: RunnableWorker = {
    name: SOCKET_DRIVER,
    compatibilityDate: "2026-10-23",
    modules: [await moduleOf("socket-driver")],
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    durableObjects: { HOLDER: { className: "SocketHolder", useSQLite: true } },
    serviceBindings: {
      GATEWAY: { name: "playhead-gateway" },
      PUSHES: { name: REALTIME, entrypoint: "Pushes" },
      COUNTS: { name: REALTIME, entrypoint: "Counts" },
    },
  };
  return [
    ...workers.map((worker) => (worker.name === REALTIME ? { ...worker, modules: [counted] } : worker)),
    driver,
  ];
}

async function moduleOf(file: string) {
  const contents = await bundleWorker(`${PROJECT_ROOT}testbed/workers/${file}.ts`);
  return { type: "ESModule" as const, path: "index.js", contents };
}
