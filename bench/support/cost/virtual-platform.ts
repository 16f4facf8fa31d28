import { GATEWAY, readWorkerConfigs, type WorkerConfig } from "../../../scripts/runtime/worker-configs.ts";
import { DISTANCES } from "./distances.ts";
import type { Internet, WorkerCode } from "./isolate.ts";
import { codeOf, HOME, IsolatePool } from "./isolate-pool.ts";
import { Meters } from "./meters.ts";
import { ObjectHost, type OnCall } from "./object-host.ts";
import { openDatabases, type Databases, type PastOfDatabases } from "./open-databases.ts";
import { openQueues } from "./open-queues.ts";
import { contextOf, type PlatformParts } from "./platform-parts.ts";
import type { RecordedSql } from "./recorded-sql.ts";
import { Stage } from "./stage.ts";
import type { VirtualSocket } from "./virtual-socket.ts";
import { bindingsOf, fetchOf, type BindingsDeps } from "./virtual-bindings.ts";

/** What a platform has come to. Another process can be given it. */
export interface Past {
  readonly nowMs: number;
  readonly databases: PastOfDatabases;
}

export interface VirtualPlatformOptions {
  readonly secrets: Readonly<Record<string, string>>;
  /** Vars of production that are otherwise here, by name. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Other code for a worker, by its name: the path of its main file. */
  readonly otherCode?: Readonly<Record<string, string>>;
  /** Where traffic comes in, each with an isolate of its own of every worker. */
  readonly places: number;
  /** Where it begins. */
  readonly after?: Past;
  readonly onCall?: OnCall;
  /** What workers reach beside the platform; nothing if absent, as it is with ours. */
  readonly internet?: Internet;
}

const NO_INTERNET: Internet = () => Promise.reject(new Error("no worker of ours calls the internet"));
const ORIGIN = "https://api.playhead.example";

/**
 * The platform as deployed, every worker's own bundle wired by its own wrangler.toml, in one
 * process and in virtual time. It is metered where workers meet the platform (bindings, storage,
 * queues, alarms, the console), so that whatever workers do otherwise one day is counted too.
 */
export class VirtualPlatform {
  readonly stage: Stage;
  readonly meters: Meters;
  readonly databases: Databases;
  readonly #options: VirtualPlatformOptions;
  readonly #configs: readonly WorkerConfig[];
  readonly #parts: PlatformParts;
  readonly #isolates: IsolatePool;
  readonly #objects: ObjectHost;

  private constructor(
    options: VirtualPlatformOptions,
    configs: readonly WorkerConfig[],
    codes: ReadonlyMap<string, WorkerCode>,
  ) {
    const { after, vars = {}, secrets, onCall, internet = NO_INTERNET } = options;
    this.#options = options;
    this.#configs = configs;
    this.stage = new Stage(after?.nowMs);
    this.meters = new Meters(configs);
    const parts = { stage: this.stage, meters: this.meters, distances: DISTANCES };
    this.#parts = parts;
    this.databases = openDatabases(configs, this.meters.countsStatement, after?.databases);
    const queues = openQueues(configs, parts, (worker, batch) => this.#consume(worker, batch));
    const isolates: IsolatePool = new IsolatePool({
      parts,
      codes,
      internet,
      envOf: (worker, place) => bindingsOf(this.#configOf(worker), place, bindings),
    });
    const callsNobody = (worker: string): boolean => hasNobodyToCall(this.#configOf(worker));
    this.#isolates = isolates;
    this.#objects = new ObjectHost({ parts, isolates, callsNobody, onCall });
    const { databases } = this;
    const bindings: BindingsDeps = {
      parts,
      isolates,
      objects: this.#objects,
      databases,
      queues,
      vars,
      secrets,
    };
  }

  static async start(options: VirtualPlatformOptions): Promise<VirtualPlatform> {
    const configs = readWorkerConfigs();
    const codes = configs.map(async ({ name, config }) => {
      const main = options.otherCode?.[name] ?? config.main;
      if (main === undefined) throw new Error(`${name} has no main file`);
      return [name, await codeOf(main)] as const;
    });
    return new VirtualPlatform(options, configs, new Map(await Promise.all(codes)));
  }

  /** Where others may begin: its time and its databases. */
  get past(): Past {
    return {
      nowMs: this.stage.time.now(),
      databases: new Map(Array.from(this.databases, ([name, { units }]) => [name, [...units]])),
    };
  }

  /** A request from outside. A client comes in at the same place each time. */
  async request(client: number, path: string, init: RequestInit): Promise<Response> {
    this.meters.add("workerRequests", 1, "requests from outside");
    const place = client % this.#options.places;
    const request = new Request(ORIGIN + path, init);
    return fetchOf(this.#isolates, this.#parts, GATEWAY, place, request);
  }

  /** Likewise a request for a socket, which must be answered with one. */
  async connect(
    client: number,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<VirtualSocket> {
    this.meters.add("workerRequests", 1, "upgrades from outside");
    const place = client % this.#options.places;
    const request = new Request(ORIGIN + path, { headers: { ...headers, upgrade: "websocket" } });
    const response = await fetchOf(this.#isolates, this.#parts, GATEWAY, place, request);
    if (response.status !== 101) throw new Error(`an upgrade was answered ${response.status}`);
    return response.webSocket as unknown as VirtualSocket;
  }

  async fireCron(worker: string, cron: string): Promise<void> {
    const { module, env } = this.#isolates.at(worker, HOME);
    this.meters.add("workerRequests", 1, `crons of ${worker}`);
    this.meters.invoked(worker);
    if (module.default.scheduled === undefined) throw new Error(`${worker} has a cron and does nothing`);
    const controller = { cron, scheduledTime: this.stage.time.now(), noRetry() {} };
    await module.default.scheduled(controller, env, contextOf());
  }

  /** A number that a var of a worker says. */
  varOf(worker: string, name: string): number {
    return Number(this.#options.vars?.[name] ?? this.#configOf(worker).config.vars[name]);
  }

  /** Each cron of each worker. */
  get crons(): readonly { readonly worker: string; readonly cron: string }[] {
    return this.#configs.flatMap(({ name: worker, config }) =>
      (config.triggers.crons ?? []).map((cron) => ({ worker, cron })),
    );
  }

  /** What objects keep in SQLite. */
  get objectSql(): readonly RecordedSql[] {
    return this.#objects.sql;
  }

  async #consume(worker: string, batch: object): Promise<void> {
    const { module, env } = this.#isolates.at(worker, HOME);
    this.meters.add("workerRequests", 1, `batches of ${worker}`);
    this.meters.invoked(worker);
    await module.default.queue?.(batch, env, contextOf());
  }

  #configOf(worker: string): WorkerConfig {
    const config = this.#configs.find(({ name }) => name === worker);
    if (config === undefined) throw new Error(`there is no worker ${worker}`);
    return config;
  }
}

function hasNobodyToCall({ config }: WorkerConfig): boolean {
  const callees = [config.services ?? [], config.d1_databases, config.queues.producers ?? []];
  return callees.every((bound) => bound.length === 0);
}
