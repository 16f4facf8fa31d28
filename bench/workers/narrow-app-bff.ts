import { DurableObject } from "cloudflare:workers";

interface NarrowEnv {
  readonly PLACES: DurableObjectNamespace<Places>;
}

const PLACES = 16;
const SERVICE_MS = 80;

/**
 * Work with 16 places and a queue without end or order but its own: what comes is done, whether or
 * not somebody still waits for it.
 */
export class Places extends DurableObject<NarrowEnv> {
  readonly #waiting: (() => void)[] = [];
  #free = PLACES;

  async work(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((admitted) => this.#waiting.push(admitted));
    await new Promise((done) => setTimeout(done, SERVICE_MS));
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname !== "/readyz") await env.PLACES.getByName("all").work();
    return Response.json({ items: [] });
  },
} satisfies ExportedHandler<NarrowEnv>;
