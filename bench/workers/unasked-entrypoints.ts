import { WorkerEntrypoint } from "cloudflare:workers";

/** Identity's binding needs the entrypoint to be there; the benchmark erases nobody. */
export class Erasure extends WorkerEntrypoint {
  async erase(): Promise<void> {
    throw new Error("a candidate of a benchmark erases nobody");
  }
}

/** Likewise for the ops BFF. */
export class Operations extends WorkerEntrypoint {}

/** Likewise for realtime: candidates are reported to over HTTP. */
export class Sockets extends WorkerEntrypoint {}
