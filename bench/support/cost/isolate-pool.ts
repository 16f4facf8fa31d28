import { bundleWorker } from "../../../scripts/runtime/bundle.ts";
import { workerCode, type Internet, type WorkerCode, type WorkerModule } from "./isolate.ts";
import { NamedCaches } from "./named-caches.ts";
import type { PlatformParts } from "./platform-parts.ts";

/** Where an isolate is: each place where traffic comes in has one of each worker. */
export type Place = number;

/** Where crons, queues' consumers and objects run. */
export const HOME: Place = -1;

/** An isolate, and what it is made with. */
export interface RunningIsolate {
  readonly module: WorkerModule;
  readonly env: object;
}

interface IsolatePoolDeps {
  readonly parts: PlatformParts;
  readonly codes: ReadonlyMap<string, WorkerCode>;
  readonly envOf: (worker: string, place: Place) => object;
  readonly internet: Internet;
}

const codes = new Map<string, Promise<WorkerCode>>();

/** A worker's code, bundled and compiled once, however many platforms run it. */
export function codeOf(main: string): Promise<WorkerCode> {
  const known = codes.get(main);
  if (known !== undefined) return known;
  const code = bundleWorker(main).then(workerCode);
  codes.set(main, code);
  return code;
}

/** The isolates of all workers. */
export class IsolatePool {
  readonly #deps: IsolatePoolDeps;
  readonly #isolates = new Map<string, RunningIsolate>();
  readonly #caches = new Map<Place, NamedCaches>();
  #started = 0;

  constructor(deps: IsolatePoolDeps) {
    this.#deps = deps;
  }

  /** The one isolate of a worker at a place. */
  at(worker: string, place: Place): RunningIsolate {
    const key = `${worker} at ${place}`;
    const known = this.#isolates.get(key);
    if (known !== undefined) return known;
    const isolate = this.fresh(worker, place);
    this.#isolates.set(key, isolate);
    return isolate;
  }

  /** Another isolate of a worker, which nobody else finds. */
  fresh(worker: string, place: Place): RunningIsolate {
    const { parts, codes: codeByWorker, envOf, internet } = this.#deps;
    const code = codeByWorker.get(worker);
    if (code === undefined) throw new Error(`there is no worker ${worker}`);
    const caches = this.#caches.get(place) ?? new NamedCaches(parts.stage.time.now);
    this.#caches.set(place, caches);
    this.#started += 1;
    const module = code.start({
      stage: parts.stage,
      caches,
      seed: this.#started,
      internet,
      socketMs: parts.distances.objectMs,
      onLine: (line) => parts.meters.wrote(worker, line),
    });
    return { module, env: envOf(worker, place) };
  }
}
