import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync } from "oxc-parser";
import { describe, expect, it } from "vitest";
import { bundleWorker } from "../scripts/runtime/bundle.ts";
import { makeSecrets } from "../scripts/runtime/secrets.ts";
import { localVars } from "../scripts/runtime/local-vars.ts";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import { CONFIG_READERS } from "../scripts/runtime/refuse-bad-vars.ts";
import { GATEWAY, readWorkerConfigs, type WorkerConfig } from "../scripts/runtime/worker-configs.ts";
import { deployOrder } from "../scripts/tooling/deploy-order.ts";
import { deployablesOf } from "../scripts/tooling/deployables.ts";
import { envTypesOf } from "../scripts/tooling/env-types.ts";
import { FLUSH_CONSUMER } from "./sim/history/history-queue.ts";

const configs = readWorkerConfigs();
const names = configs.map(({ name }) => name);
const each = configs.map((config): [string, WorkerConfig] => [config.name, config]);
const byName = new Map(each);
const main = ({ config, path }: WorkerConfig): string => config.main ?? `${path} names no main`;

/**
 * Change streams: whoever wants them attaches a consumer of their own, a pull consumer for example.
 */
const FOR_OTHERS = ["playhead-wallet-changes", "playhead-savings-changes"];

/** Names that a module exports, except those of another that it exports as a whole. */
function exportsOf(file: string, source: string): readonly string[] {
  return parseSync(file, source).module.staticExports.flatMap(({ entries }) =>
    entries.map(({ exportName: { kind, name } }) => {
      const how: string = kind;
      return how === "Default" ? "default" : (name ?? "");
    }),
  );
}

/** Names that a worker's main module exports, and the handlers of its default export. */
function surfaceOf(config: WorkerConfig): {
  readonly exports: readonly string[];
  readonly handlers: readonly string[];
} {
  const source = readFileSync(main(config), "utf8");
  const exported = exportsOf(main(config), source);
  const body = /export default \{([\s\S]*)\}/.exec(source)?.[1] ?? "";
  return {
    exports: exported,
    handlers: [...body.matchAll(/(?:^|\s)(fetch|queue|scheduled|connect)\b/g)].map(([, name = ""]) => name),
  };
}

/** What the interface of a worker's env says that it reads. */
function envOf(file: string): readonly { readonly name: string; readonly isOptional: boolean }[] {
  const source = readFileSync(file, "utf8");
  const body = /interface \w+Env \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? "";
  if (body === "" && !source.includes("extends WorkerEntrypoint<object>"))
    throw new Error(`${file} has no interface that says what it reads`);
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)(\??):/gm)].map(([, name = "", mark]) => ({
    name,
    isOptional: mark === "?",
  }));
}

describe("the platform", () => {
  it("has its workers where ARCHITECTURE.md says, each with a name of its own", () => {
    const map =
      readFileSync(`${PROJECT_ROOT}ARCHITECTURE.md`, "utf8").split("## Workers")[1]?.split("\n## ")[0] ?? "";
    const rows = [...map.matchAll(/^\| `(playhead-[a-z-]+)` \| `([^`]+)`/gm)].map(
      ([, name, folder]) => `${name} ${folder}`,
    );
    const actual = configs.map(
      (config) => `${config.name} ${dirname(main(config)).slice(PROJECT_ROOT.length)}`,
    );
    expect(new Set(names).size).toBe(names.length);
    expect(rows.toSorted()).toEqual(actual.toSorted());
  });

  it("is open to the outside at the gateway only", () => {
    const open = configs.filter(
      ({ config }) =>
        config.workers_dev !== false ||
        config.preview_urls !== false ||
        config.routes?.length ||
        config.route,
    );
    expect(open.map(({ name }) => name)).toEqual([GATEWAY]);
    expect(byName.get(GATEWAY)?.config.preview_urls).toBe(false);
  });

  it("places what is one for all cells near its database, and all else where it is asked", () => {
    const placed = configs.flatMap(({ name, config: { placement } }) =>
      placement === undefined ? [] : [[name, placement]],
    );
    expect(Object.fromEntries(placed)).toEqual({
      "playhead-identity": { mode: "smart" },
      "playhead-wallet": { mode: "smart" },
      "playhead-savings": { mode: "smart" },
    });
  });

  it("runs on one compatibility date", () => {
    expect(new Set(configs.map(({ config }) => config.compatibility_date)).size).toBe(1);
  });

  it("deploys every worker whole, after those it calls", () => {
    const steps = deployOrder(deployablesOf(configs));
    const whole = steps.filter(({ without }) => without.length === 0).map(({ name }) => name);
    expect(whole.toSorted()).toEqual(names.toSorted());
    expect(whole.at(-1)).toBe(GATEWAY);
  });

  it("sends to queues that somebody consumes, and lets no queue have two consumers", () => {
    const produced = configs.flatMap(({ config }) =>
      (config.queues.producers ?? []).map(({ queue }) => queue),
    );
    const consumers = configs.flatMap(({ config }) => config.queues.consumers ?? []);
    const consumed = consumers.map(({ queue }) => queue);
    const deadLetters = consumers.flatMap(({ dead_letter_queue: queue }) => queue ?? []);
    expect(new Set(consumed).size).toBe(consumed.length);
    const inside = [...produced, ...deadLetters].filter((queue) => !FOR_OTHERS.includes(queue ?? ""));
    expect(inside.filter((queue) => queue === undefined || !consumed.includes(queue))).toEqual([]);
    expect(consumed.filter((queue) => !produced.includes(queue) && !deadLetters.includes(queue))).toEqual([]);
  });
});

describe("the flush queue", () => {
  it("is simulated as the history's worker consumes it", () => {
    const consumers = byName.get("playhead-history")?.config.queues.consumers ?? [];
    expect(consumers).toContainEqual(expect.objectContaining(FLUSH_CONSUMER));
  });
});

describe("whatever stands in for a worker in a benchmark", () => {
  /** Those of the bare chain have callers of their own. */
  const files = globSync("{bench,testbed}/workers/*-{history,durable,realtime,app-bff}.ts", {
    cwd: PROJECT_ROOT,
  }).filter((file) => !file.endsWith("/bare-history.ts"));
  const standIns = files.map((file): [string, string] => [
    file,
    `playhead-${/-(app-bff|[a-z]+)\.ts$/.exec(file)?.[1]}`,
  ]);

  it.each(standIns)("has everything that a worker is bound to: %s", async (file, name) => {
    const entrypoints = configs
      .flatMap(({ config }) => config.services ?? [])
      .filter(({ service }) => service === name)
      .map(({ entrypoint }) => entrypoint ?? "default");
    const classes = configs
      .flatMap(({ config }) => config.durable_objects.bindings)
      .filter(({ script_name: host }) => host === name)
      .map(({ class_name: className }) => className);
    const exported = exportsOf("bundle.js", await bundleWorker(PROJECT_ROOT + file));
    expect([...entrypoints, ...classes].filter((what) => !exported.includes(what))).toEqual([]);
  });

  /** That worker itself, looked at from inside, reads what it always does. */
  const isItself = (file: string): boolean =>
    /export \* from "[./]+src\/history\/worker\.ts"/.test(readFileSync(PROJECT_ROOT + file, "utf8"));

  // In virtual time it is given what that worker's file has, whatever it means to it.
  it.each(standIns.filter(([file, name]) => name === "playhead-history" && !isItself(file)))(
    "needs of its env nothing that isn't bound to that worker, and reads none of its vars: %s",
    (file, name) => {
      const config = byName.get(name)?.config;
      const bound = [config?.d1_databases ?? [], config?.queues.producers ?? []].flat();
      const bindings = bound.map(({ binding }) => binding);
      const read = envOf(PROJECT_ROOT + file);
      const needed = read.filter(({ isOptional }) => !isOptional).map(({ name: what }) => what);
      expect(needed.filter((what) => !bindings.includes(what))).toEqual([]);
      expect(read.map(({ name: what }) => what).filter((what) => what in (config?.vars ?? {}))).toEqual([]);
    },
  );
});

describe("the two ledgers", () => {
  it("are one code base whose configs differ in names only", () => {
    const textOf = (name: string): string =>
      readFileSync(PROJECT_ROOT + (byName.get(name)?.path ?? ""), "utf8");
    const turned = textOf("playhead-wallet").replaceAll(/wallet|savings/g, (name) =>
      name === "wallet" ? "savings" : "wallet",
    );
    expect(turned).toBe(textOf("playhead-savings"));
  });

  it("keep their money in databases of their own, locally too", () => {
    const databases = configs.flatMap(({ config }) => config.d1_databases);
    const local = databases.map(
      ({ preview_database_id: id, database_id: uuid, binding }) => id ?? uuid ?? binding,
    );
    expect(new Set(local).size).toBe(databases.length);
  });
});

describe.each(each)("%s", (name, worker) => {
  const { config, path } = worker;

  it("calls workers that exist, at entrypoints that they export", () => {
    for (const { service, entrypoint } of config.services ?? []) {
      const target = byName.get(service);
      const exported = target === undefined ? [] : surfaceOf(target).exports;
      expect(exported, `${name} is bound to ${service}`).toContain(entrypoint ?? "default");
    }
  });

  it("reaches Durable Objects of other workers that export them", () => {
    for (const { class_name: className, script_name: host } of config.durable_objects.bindings) {
      const target = byName.get(host ?? name);
      expect(
        target === undefined ? [] : surfaceOf(target).exports,
        `${name} is bound to ${className}`,
      ).toContain(className);
    }
  });

  it("exports the Durable Objects it declares, made by a migration", () => {
    const own = config.durable_objects.bindings.filter(
      ({ script_name: host }) => host === undefined || host === name,
    );
    const made = config.migrations.flatMap(({ new_sqlite_classes: classes = [] }) => classes);
    expect(surfaceOf(worker).exports).toEqual(
      expect.arrayContaining(own.map(({ class_name: className }) => className)),
    );
    expect(made.toSorted()).toEqual(own.map(({ class_name: className }) => className).toSorted());
  });

  it("handles what its config lets happen", () => {
    const { handlers } = surfaceOf(worker);
    expect(handlers).toContain("fetch");
    expect(handlers.includes("scheduled")).toBe((config.triggers.crons ?? []).length > 0);
    expect(handlers.includes("connect")).toBe((config.connect ?? []).length > 0);
    expect(handlers.includes("queue")).toBe((config.queues.consumers ?? []).length > 0);
  });

  it("has migrations for each of its databases", () => {
    for (const { migrations_dir: dir } of config.d1_databases) {
      expect(dir).toBeDefined();
      expect(globSync("*.sql", { cwd: join(PROJECT_ROOT, dirname(path), dir ?? "") }).length).toBeGreaterThan(
        0,
      );
    }
  });

  it("has one environment, and no secret in its file", () => {
    const toml = readFileSync(PROJECT_ROOT + path, "utf8");
    expect(toml).not.toMatch(/^\[+env\b/m);
    expect(Object.keys(config.vars).filter((key) => /KEY|SECRET|PASSWORD|TOKEN|JWKS/.test(key))).toEqual([]);
  });

  it("reads every var and secret that it is given", () => {
    const all = makeSecrets();
    const secrets = Object.entries(all).filter(([key]) => (config.secrets?.required ?? []).includes(key));
    expect(secrets.map(([key]) => key).toSorted()).toEqual([...(config.secrets?.required ?? [])].toSorted());
    const known = CONFIG_READERS[name]?.({ ...config.vars, ...Object.fromEntries(secrets) }) ?? {};
    expect(Object.keys(known).toSorted()).toEqual(
      [...Object.keys(config.vars), ...secrets.map(([key]) => key)].toSorted(),
    );
  });

  it("has its bindings declared beside its main module", () => {
    const types = envTypesOf(worker);
    expect(existsSync(PROJECT_ROOT + types.path)).toBe(true);
    expect(readFileSync(PROJECT_ROOT + types.path, "utf8")).toContain(`interface ${types.interfaceName} `);
  });
});

it("has every var in docs/vars.md, with its default and what a local start sets", () => {
  const rows = [
    ...readFileSync(`${PROJECT_ROOT}docs/vars.md`, "utf8").matchAll(/^\| `([A-Z_]+)` \|([^|]*)\|([^|]*)\|/gm),
  ];
  const written = Object.fromEntries(
    rows.map(([, name = "", ...values]) => [name, values.map((value) => value.replaceAll("`", "").trim())]),
  );
  const local = localVars();
  const actual: Record<string, string[]> = {};
  for (const [name, value] of configs.flatMap(({ config }) => Object.entries(config.vars))) {
    actual[name] = [
      name === "LEDGER" ? "" : String(value),
      name === "BOOT_ID" ? "a new one" : (local[name] ?? ""),
    ];
  }
  expect(written).toEqual(actual);
});

it("has a reader for every worker's config", () => {
  expect(Object.keys(CONFIG_READERS).toSorted()).toEqual(names.toSorted());
});
