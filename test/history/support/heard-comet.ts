import { DurableObject } from "cloudflare:workers";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";

/** A comet that keeps what it is told, beside the history worker under test. */
export class Comet extends DurableObject {
  async changed(news: readonly UserNews[]): Promise<{ readonly gone: readonly string[] }> {
    this.ctx.storage.kv.put("heard", [...this.#heard(), ...news]);
    return { gone: [] };
  }

  async heard(): Promise<readonly UserNews[]> {
    return this.#heard();
  }

  #heard(): readonly UserNews[] {
    return this.ctx.storage.kv.get<readonly UserNews[]>("heard") ?? [];
  }
}

export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
