import type { WorkerConfig } from "../../../scripts/runtime/worker-configs.ts";
import { cloned } from "../../../testbed/cost/cloned.ts";
import { runningObject } from "./isolate.ts";
import type { IsolatePool, Place } from "./isolate-pool.ts";
import type { ObjectHost } from "./object-host.ts";
import type { Databases } from "./open-databases.ts";
import { awaited, contextOf, methodsBy, type PlatformParts } from "./platform-parts.ts";
import type { QueueHost } from "./queue-host.ts";
import { virtualD1 } from "./virtual-d1.ts";

export interface BindingsDeps {
  readonly parts: PlatformParts;
  readonly isolates: IsolatePool;
  readonly objects: ObjectHost;
  readonly databases: Databases;
  readonly queues: ReadonlyMap<string, QueueHost>;
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

type Methods = Readonly<Record<string, unknown>>;

/** Everything that a worker's wrangler.toml binds to it, for an isolate of it at `place`. */
export function bindingsOf({ name: worker, config }: WorkerConfig, place: Place, deps: BindingsDeps): object {
  const { vars, secrets, objects } = deps;
  const env: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(config.vars)) env[name] = vars[name] ?? value;
  for (const name of config.secrets?.required ?? []) env[name] = secrets[name];
  for (const { binding, service, entrypoint } of config.services ?? [])
    env[binding] =
      entrypoint === undefined
        ? fetcher(worker, service, place, deps)
        : entrypointOf(worker, service, entrypoint, place, deps);
  for (const { name, class_name: className, script_name: script } of config.durable_objects.bindings)
    env[name] = objects.namespace(worker, script ?? worker, className);
  for (const { binding, database_name: name } of config.d1_databases)
    env[binding] = database(worker, name ?? "", deps);
  for (const { binding, queue } of config.queues.producers ?? [])
    env[binding] = producer(worker, queue ?? "", deps);
  return env;
}

function fetcher(caller: string, target: string, place: Place, { parts, isolates }: BindingsDeps): object {
  return {
    fetch: async (request: Request | string, init?: RequestInit): Promise<Response> => {
      parts.meters.called(caller);
      const made = init === undefined && request instanceof Request ? request : new Request(request, init);
      return fetchOf(isolates, parts, target, place, made);
    },
  };
}

/** A request that a worker answers in its isolate at `place`. */
export async function fetchOf(
  isolates: IsolatePool,
  { meters }: PlatformParts,
  worker: string,
  place: Place,
  request: Request,
): Promise<Response> {
  const { module, env } = isolates.at(worker, place);
  meters.invoked(worker);
  if (module.default.fetch === undefined) throw new Error(`${worker} answers no requests`);
  return module.default.fetch(request, env, contextOf());
}

function entrypointOf(
  caller: string,
  target: string,
  entrypoint: string,
  place: Place,
  { parts, isolates }: BindingsDeps,
): object {
  // A worker that an object calls runs on its own: the object waits, and not for what it leaves.
  const outside = (call: () => Promise<unknown>) => awaited(parts, () => runningObject.exit(call));
  const run = async (method: string, given: readonly unknown[]): Promise<unknown> => {
    parts.meters.called(caller);
    const { module, env } = isolates.at(target, place);
    parts.meters.invoked(target);
    const made = module[entrypoint] as new (ctx: object, env: object) => Methods;
    const instance = new made(contextOf(), env);
    const called = instance[method];
    if (typeof called !== "function") throw new TypeError(`${target} has no method ${method}`);
    const answer: unknown = await (called as (...all: unknown[]) => unknown).apply(
      instance,
      cloned([...given]),
    );
    return cloned(answer);
  };
  return methodsBy((method, given) => outside(() => run(method, given)));
}

function database(caller: string, name: string, { parts, databases }: BindingsDeps): object {
  const sql = databases.get(name);
  if (sql === undefined) throw new Error(`there is no database ${name}`);
  return virtualD1(sql, (run) =>
    awaited(parts, async () => {
      parts.meters.called(caller);
      const answer = run();
      await parts.stage.time.sleep(parts.distances.d1Ms);
      return answer;
    }),
  );
}

function producer(caller: string, name: string, { parts, queues }: BindingsDeps): object {
  const send = (bodies: readonly unknown[]): Promise<void> =>
    awaited(parts, async () => {
      parts.meters.called(caller);
      await parts.stage.time.sleep(parts.distances.queueMs);
      for (const body of bodies) queues.get(name)?.send(body);
    });
  return {
    send: (body: unknown) => send([body]),
    sendBatch: (messages: readonly { readonly body: unknown }[]) => send(messages.map(({ body }) => body)),
  };
}
