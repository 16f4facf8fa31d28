import type { RunnableWorker } from "../../../scripts/runtime/platform.ts";

/** A call of an entrypoint or an object, by the name of the driver's binding. */
export interface Driven<Binding extends string = string> {
  readonly binding: Binding;
  /** Of an object, its name. */
  readonly name?: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What a driver can reach: the worker and its class, by the name of the binding. */
export interface DriverReach {
  readonly entrypoints: Readonly<Record<string, readonly [worker: string, entrypoint: string]>>;
  readonly objects?: Readonly<Record<string, readonly [worker: string, className: string]>>;
}

const SCRIPT = `export default {
  async fetch(request, env) {
    const { binding, name, method, args } = await request.json();
    const target = name === undefined ? env[binding] : env[binding].get(env[binding].idFromName(name));
    try {
      return Response.json({ answer: (await target[method](...args)) ?? null });
    } catch (error) {
      return Response.json({ code: error.code ?? null, message: error.message });
    }
  },
};`;

export const DRIVER = "driver";

/** A worker that calls others as it is told. */
export function driverWorker({ entrypoints, objects = {} }: DriverReach): RunnableWorker {
  return {
    name: DRIVER,
    compatibilityDate: "2026-10-23",
    modules: [{ type: "ESModule", path: "index.js", contents: SCRIPT }],
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    serviceBindings: Object.fromEntries(
      Object.entries(entrypoints).map(([binding, [name, entrypoint]]) => [binding, { name, entrypoint }]),
    ),
    durableObjects: Object.fromEntries(
      Object.entries(objects).map(([binding, [scriptName, className]]) => [
        binding,
        { className, scriptName },
      ]),
    ),
  };
}

/** `answer`, or of a failure its message, and its code if it has one. */
export interface DrivenAnswer {
  readonly answer?: unknown;
  readonly code?: string | null;
  readonly message?: string;
}

/** Has the driver at this address make a call. */
export async function drive(driver: string, call: Driven): Promise<DrivenAnswer> {
  const response = await fetch(driver, { method: "POST", body: JSON.stringify(call) });
  return (await response.json()) as DrivenAnswer;
}
