import type { Distances } from "./distances.ts";
import { runningObject } from "./isolate.ts";
import type { Meters } from "./meters.ts";
import type { Stage } from "./stage.ts";

/** What every part of a virtual platform stands on. */
export interface PlatformParts {
  readonly stage: Stage;
  readonly meters: Meters;
  readonly distances: Distances;
}

/** Waits for what is outside of the running code: an object that does can't hibernate meanwhile. */
export async function awaited<T>({ stage }: PlatformParts, work: () => Promise<T>): Promise<T> {
  const end = runningObject.getStore()?.begin(stage.time.now());
  try {
    return await work();
  } finally {
    end?.(stage.time.now());
  }
}

/** An object whose every method is `call`. A promise must not take it for one of its own. */
export function methodsBy(call: (method: string, given: readonly unknown[]) => Promise<unknown>): object {
  return new Proxy(
    {},
    {
      get: (_target, method) =>
        typeof method !== "string" || method === "then"
          ? undefined
          : (...given: unknown[]) => call(method, given),
    },
  );
}

/** What a handler or an entrypoint is given beside its bindings. */
export function contextOf(): object {
  return {
    waitUntil: (work: Promise<unknown>) => void work.catch(() => undefined),
    passThroughOnException: () => undefined,
    props: {},
  };
}
