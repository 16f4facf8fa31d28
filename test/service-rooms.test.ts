import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";

/* "The shape of a service room" of ARCHITECTURE.md, as far as a text can be held to it. */

const read = (path: string): string => readFileSync(`${PROJECT_ROOT}src/${path}`, "utf8");
const filesOf = (pattern: string): readonly string[] =>
  globSync(pattern, { cwd: `${PROJECT_ROOT}src` }).toSorted();
const SERVICES = filesOf("*/service").map((folder) => folder.replace("/service", ""));

/** What only a composition root has: a clock, dice, timers, and how long a call may take. */
const OWN_MEANS = [
  /\bDate\.now\b|\bnew Date\(\)/,
  /\bMath\.random\b/,
  /\bsetTimeout\b|\bsleep\.ts"/,
  /\bCALL_TIMEOUT_MS\b/,
];
/** An RPC method, by its first argument. */
const METHOD = /\(\s*ctx: CallContext\b/g;
const RUN = /\breturn run\(this\.env, ctx,/g;

describe("a service room", () => {
  it("is found by its service/", () => {
    expect(SERVICES).toEqual(expect.arrayContaining(["durable", "history", "identity", "ledger"]));
  });

  it("is given clock, dice and limits by its wire.ts, and has none elsewhere", () => {
    const files = SERVICES.flatMap((room) => filesOf(`${room}/{biz,data,service}/*.ts`));
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((path) => OWN_MEANS.some((means) => means.test(read(path))))).toEqual([]);
    // A name that nobody uses any more would be found nowhere, wire.ts included.
    const wires = ["history", "identity", "ledger"].map((room) => read(`${room}/wire.ts`)).join("\n");
    for (const means of OWN_MEANS) expect(wires).toMatch(means);
  });

  it("runs every RPC method of its entrypoints through the one helper", () => {
    const counts = filesOf("*/service/*-entrypoint.ts").map((path) => {
      const source = read(path);
      return { path, methods: source.match(METHOD)?.length ?? 0, run: source.match(RUN)?.length ?? 0 };
    });
    expect(counts.length).toBeGreaterThanOrEqual(9);
    expect(counts.filter(({ methods, run }) => methods === 0 || methods !== run)).toEqual([]);
  });

  it.each(SERVICES)("exports what %s serves under the name that its class bears", (room) => {
    const worker = read(`${room}/worker.ts`);
    const factories = Array.from(worker.matchAll(/import \{ (\w+) \} from "\.\/(service\/.+)";/g));
    expect(factories.length).toBeGreaterThan(0);
    for (const [, factory = "", path = ""] of factories) {
      const name = /\breturn class (\w+) /.exec(read(`${room}/${path}`))?.[1];
      expect(worker).toMatch(new RegExp(`export class ${name} extends ${factory}\\b`));
    }
  });

  it.each(SERVICES)("has every entrypoint of %s asked for garbage", (room) => {
    const classes = filesOf(`${room}/service/*-entrypoint.ts`).map(
      (path) => /\breturn class (\w+) /.exec(read(path))?.[1],
    );
    const asked = read(`../test/${room}/garbage.workerd.test.ts`);
    expect(classes.filter((name) => !asked.includes(`entrypoint: ${name},`))).toEqual([]);
  });

  it.each(["history", "identity", "ledger"])("sweeps %s by named steps in biz/sweep.ts", (room) => {
    expect(read(`${room}/biz/sweep.ts`)).toMatch(/\breturn sweepOf\(/);
    expect(read(`${room}/worker.ts`)).toContain(
      "scheduled: ({ scheduledTime }, env) => wire(env).sweep(scheduledTime)",
    );
  });

  it.each(SERVICES)("declares the ports of %s in biz/ports.ts only", (room) => {
    const PORT =
      /^export (?:interface|type) (\w+(?:Store|Reader|Writer|Log|Sink|Sender|Port|Queue|Retention))\b/m;
    const elsewhere = filesOf(`${room}/{biz,service}/*.ts`)
      .filter((path) => path !== `${room}/biz/ports.ts`)
      .flatMap((path) => PORT.exec(read(path))?.[1] ?? []);
    expect(filesOf(`${room}/biz/ports.ts`).filter((path) => !PORT.test(read(path)))).toEqual([]);
    expect(elsewhere).toEqual([]);
  });
});
