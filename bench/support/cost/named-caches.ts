const MAX_AGE = /(?:^|[\s,])max-age=(\d+)/i;

interface Kept {
  readonly body: ArrayBuffer;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly untilMs: number;
}

type Asked = string | { readonly url: string };

/** The named caches of one place, which keep what says how long it may be kept. */
export class NamedCaches {
  readonly #now: () => number;
  readonly #caches = new Map<string, Map<string, Kept>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async open(name: string) {
    const kept = this.#caches.get(name) ?? new Map<string, Kept>();
    this.#caches.set(name, kept);
    const urlOf = (asked: Asked): string => (typeof asked === "string" ? asked : asked.url);
    return {
      match: async (asked: Asked): Promise<Response | undefined> => {
        const found = kept.get(urlOf(asked));
        if (found === undefined || found.untilMs <= this.#now()) return undefined;
        return new Response(found.body.slice(0), {
          status: found.status,
          headers: found.headers.map(([header, value]): [string, string] => [header, value]),
        });
      },
      put: async (asked: Asked, response: Response): Promise<void> => {
        const maxAgeS = Number(MAX_AGE.exec(response.headers.get("cache-control") ?? "")?.[1] ?? 0);
        kept.set(urlOf(asked), {
          body: await response.arrayBuffer(),
          status: response.status,
          headers: [...response.headers],
          untilMs: this.#now() + maxAgeS * 1_000,
        });
      },
      delete: async (asked: Asked): Promise<boolean> => kept.delete(urlOf(asked)),
    };
  }
}
