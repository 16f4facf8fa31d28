import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { jumpHash, jumpKey } from "../../src/resilience/jump-hash.ts";

interface BareEnv {
  readonly SHARD: DurableObjectNamespace<CountingShard>;
}

/** The last hop of the bare chain: a shard that only counts. */
export class CountingShard extends DurableObject<BareEnv> {
  #count = 0;

  report(reports: readonly object[]): { accepted: number; total: number } {
    this.#count += reports.length;
    return { accepted: reports.length, total: this.#count };
  }
}

/** The third hop: finds the shard as the real service does. */
export class Playback extends WorkerEntrypoint<BareEnv> {
  async report(user: string, reports: readonly object[]): Promise<{ accepted: number }> {
    const { accepted } = await this.env.SHARD.getByName(`shard-${jumpHash(jumpKey(user), 16)}`).report(reports);
    return { accepted };
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
