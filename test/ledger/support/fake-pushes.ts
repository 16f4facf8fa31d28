import { WorkerEntrypoint } from "cloudflare:workers";

/** The realtime worker as a ledger in the real runtime has it: nobody listens. */
export class Pushes extends WorkerEntrypoint {
  async users() {
    return { delivered: 0 };
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
