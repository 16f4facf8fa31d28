import { WorkerEntrypoint } from "cloudflare:workers";
import type { TrustSnapshot } from "../../../src/contracts/identity.ts";
import type { HistorySockets } from "../../../src/contracts/realtime-rpc.ts";

/* What history and identity answer in tests of the realtime worker alone. */

export class Sockets extends WorkerEntrypoint implements HistorySockets {
  async mapping() {
    return { version: 1, shards: 4 };
  }

  /** Whoever comes back has missed one thing. */
  async join(...[, { since }]: Parameters<HistorySockets["join"]>) {
    const changes = [{ removed: { kind: "video", itemId: "missed", at: 1 } }];
    return { page: since === undefined ? null : { changes, cursor: "2", more: false } };
  }

  async leave() {}

  async report(...[, , batch]: Parameters<HistorySockets["report"]>) {
    return batch.map(({ reports }) => ({ receipt: { accepted: reports.length, ignored: 0 } }));
  }
}

export class Trust extends WorkerEntrypoint {
  async snapshot(): Promise<TrustSnapshot> {
    return { keys: [], revoked: [], nextSinceMs: 0, more: false };
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
