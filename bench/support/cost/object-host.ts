import { cloned } from "../../../testbed/cost/cloned.ts";
import { HostedObject } from "./hosted-object.ts";
import { HOME, type IsolatePool } from "./isolate-pool.ts";
import { awaited, methodsBy, type PlatformParts } from "./platform-parts.ts";
import type { RecordedSql } from "./recorded-sql.ts";

/** Hears what comes in at an object: its class, the method and what it was given. */
export type OnCall = (className: string, method: string, given: readonly unknown[]) => void;

interface ObjectHostDeps {
  readonly parts: PlatformParts;
  readonly isolates: IsolatePool;
  /** Whether a worker has nothing that it could call. */
  readonly callsNobody: (worker: string) => boolean;
  readonly onCall: OnCall | undefined;
}

/** All Durable Objects, by the worker that has their class, the class and the name. */
export class ObjectHost {
  readonly #deps: ObjectHostDeps;
  readonly #objects = new Map<string, HostedObject>();

  constructor(deps: ObjectHostDeps) {
    this.#deps = deps;
  }

  /** The SQLite of those that have one. */
  get sql(): readonly RecordedSql[] {
    return [...this.#objects.values()].flatMap(({ storage: { recorded } }) => recorded ?? []);
  }

  /** A class of `worker`, as it is bound to `caller`. */
  namespace(caller: string, worker: string, className: string): object {
    const { parts, onCall } = this.#deps;
    const { stage, meters, distances } = parts;
    const call = async (name: string, method: string, given: readonly unknown[]): Promise<unknown> => {
      meters.called(caller);
      await stage.time.sleep(distances.objectMs / 2);
      onCall?.(className, method, given);
      // A request and its answer, with a socket in it perhaps, are handed over as they are.
      const isFetch = method === "fetch";
      const passed = isFetch ? [new Request(...(given as [Request]))] : cloned(given);
      const answer = await this.#objectOf(worker, className, name).call(method, passed);
      await stage.time.sleep(distances.objectMs / 2);
      return isFetch ? answer : cloned(answer);
    };
    const stubOf = (name: string): object =>
      methodsBy((method, given) => awaited(parts, () => call(name, method, given)));
    return {
      idFromName: (name: string) => ({ name, toString: () => name }),
      get: ({ name }: { readonly name: string }) => stubOf(name),
      getByName: stubOf,
    };
  }

  #objectOf(worker: string, className: string, name: string): HostedObject {
    const key = `${worker}/${className}/${name}`;
    const known = this.#objects.get(key);
    if (known !== undefined) return known;
    const { parts, isolates, callsNobody } = this.#deps;
    const object = new HostedObject({
      ...parts,
      worker,
      className,
      name,
      // Objects that call nobody keep nothing outside of themselves: one isolate will do for them.
      startIsolate: () => (callsNobody(worker) ? isolates.at(worker, HOME) : isolates.fresh(worker, HOME)),
    });
    this.#objects.set(key, object);
    return object;
  }
}
