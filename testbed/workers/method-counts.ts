import { WorkerEntrypoint } from "cloudflare:workers";

/** By class and method; `constructor` counts how often memory was made anew. */
const counts: Record<string, number> = {};

export function count(className: string, method: string): void {
  const name = `${className}.${method}`;
  counts[name] = (counts[name] ?? 0) + 1;
}

type Method = (this: object, ...given: unknown[]) => unknown;

/** Has each method of a class counted, inherited ones of ours too. */
export function countMethods(className: string, subclass: { readonly prototype: object }): void {
  const seen = new Set(["constructor"]);
  for (
    let prototype = Object.getPrototypeOf(subclass.prototype) as object;
    Object.getPrototypeOf(prototype) !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype) as object
  ) {
    for (const method of Object.getOwnPropertyNames(prototype)) {
      const real: unknown = Object.getOwnPropertyDescriptor(prototype, method)?.value;
      if (seen.has(method) || typeof real !== "function") continue;
      seen.add(method);
      const value: Method = function counted(...given) {
        count(className, method);
        return (real as Method).apply(this, given);
      };
      Object.defineProperty(subclass.prototype, method, { value });
    }
  }
}

/** Objects of one worker share an isolate here, so that this sees what they have counted. */
export class Counts extends WorkerEntrypoint {
  counts(): Readonly<Record<string, number>> {
    return counts;
  }
}
