import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import { envReads } from "./support/architecture/env-reads.ts";
import { importCircles } from "./support/architecture/import-circles.ts";
import { importViolations } from "./support/architecture/import-violations.ts";
import { importsOf } from "./support/architecture/imports-of.ts";
import { readRooms } from "./support/architecture/rooms.ts";

const read = (path: string): string => readFileSync(PROJECT_ROOT + path, "utf8");

const rooms = readRooms(read("ARCHITECTURE.md"));
const room = (id: string) => rooms.find((candidate) => candidate.id === id);
const sources = globSync("**/*.ts", { cwd: `${PROJECT_ROOT}src` }).filter((path) => !path.endsWith(".d.ts"));
const WORKER_LINES_MAX = 40;
const NOT_OURS = ["**/*.d.ts", "**/node_modules/**", "**/.wrangler/**"];

/** The files of ours that a file imports, from the project's root. */
function ownImportsOf(path: string, source: string): readonly string[] {
  return importsOf(path, source).flatMap(({ specifier }) =>
    specifier.startsWith(".") ? [posix.join(posix.dirname(path), specifier)] : [],
  );
}

describe("the rooms of src/", () => {
  it("hold to the arrows of ARCHITECTURE.md", () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.flatMap((path) => importViolations(path, read(`src/${path}`), rooms))).toEqual([]);
  });

  it("hand env to the composition root, the only one to look into it", () => {
    const elsewhere = sources.filter((path) => !path.endsWith("/wire.ts"));
    expect(elsewhere.length).toBeGreaterThan(100);
    expect(
      elsewhere.flatMap((path) => envReads(path, read(`src/${path}`)).map((what) => `${path}: ${what}`)),
    ).toEqual([]);
  });

  it("keep worker.ts to what the platform sees", () => {
    const workers = sources.filter((path) => path.endsWith("/worker.ts"));
    expect(workers.length).toBeGreaterThanOrEqual(6);
    expect(
      workers.filter((path) => read(`src/${path}`).trimEnd().split("\n").length > WORKER_LINES_MAX),
    ).toEqual([]);
  });
});

describe("everything of ours", () => {
  it.each([
    { folder: "test", keepsFrom: ["bench"] },
    { folder: "bench", keepsFrom: ["test"] },
    { folder: "testbed", keepsFrom: ["test", "bench"] },
    { folder: "scripts", keepsFrom: ["test", "bench", "testbed"] },
    { folder: "examples", keepsFrom: ["test", "bench", "testbed"] },
  ])("imports nothing from $keepsFrom into $folder/", ({ folder, keepsFrom }) => {
    const paths = globSync(`${folder}/**/*.ts`, { cwd: PROJECT_ROOT, exclude: NOT_OURS });
    expect(paths.length).toBeGreaterThan(3);
    const strays = paths.flatMap((path) =>
      ownImportsOf(path, read(path))
        .filter((target) => keepsFrom.includes(target.split("/")[0] ?? ""))
        .map((target) => `${path} imports ${target}`),
    );
    expect(strays).toEqual([]);
  });

  it.each(["src", "scripts", "bridge", "clients", "examples", "bench", "testbed", "test"])(
    "has no circle of imports in %s/, not even of types",
    (folder) => {
      const paths = globSync(`${folder}/**/*.ts`, { cwd: PROJECT_ROOT, exclude: NOT_OURS });
      expect(paths.length).toBeGreaterThan(3);
      expect(importCircles(new Map(paths.map((path) => [path, ownImportsOf(path, read(path))])))).toEqual([]);
    },
  );
});

describe("what stands on its own", () => {
  it.each([
    {
      folder: "bridge",
      filesMin: 10,
      what: "so that it runs without the platform",
      own: /^(\.|\.\.\/shared)\/[\w-]+\.ts$/,
      also: /^(node:[\w/]+|ioredis|@platformatic\/kafka|zod)$/,
    },
    {
      folder: "clients",
      filesMin: 5,
      what: "so that others can take it along",
      own: /^\.\/[\w-]+\.ts$/,
      also: /^$/,
    },
  ])("$folder/ imports nothing of ours but itself, $what", ({ folder, filesMin, own, also }) => {
    const files = globSync("**/*.ts", { cwd: PROJECT_ROOT + folder });
    expect(files.length).toBeGreaterThan(filesMin);
    const foreign = files.flatMap((path) =>
      importsOf(path, read(`${folder}/${path}`))
        .filter(({ specifier }) => !own.test(specifier) && !also.test(specifier))
        .map(({ specifier }) => `${path}: ${specifier}`),
    );
    expect(foreign).toEqual([]);
  });
});

describe("the table of ARCHITECTURE.md", () => {
  it.each(["protocol", "resilience"])("lets %s import nothing", (id) => {
    expect(room(id)).toMatchObject({ mayImport: new Set(), mayImportTypes: new Set(), packages: [] });
  });

  it("lets contracts use only zod (the small one too), and only types of protocol and resilience", () => {
    expect(room("contracts")).toMatchObject({
      mayImport: new Set(),
      mayImportTypes: new Set(["protocol", "resilience"]),
      packages: ["zod", "zod/mini"],
    });
  });

  it("keeps biz from the outside world", () => {
    expect(room("biz/")?.mayImport).toEqual(new Set(["contracts", "protocol", "resilience"]));
    expect(room("biz/")?.packages.filter((name) => /hono|drizzle|cloudflare|\*/.test(name))).toEqual([]);
  });

  it("is refused where it names a room that has no row", () => {
    expect(() => readRooms("## Rooms and arrows\n\n| `biz/` | `nowhere` | |\n")).toThrow(
      "biz/ may import nowhere, which is no room",
    );
    expect(() => readRooms("# No table")).toThrow("no heading");
    expect(() => readRooms("## Rooms and arrows\n\nwords\n")).toThrow("no table");
  });
});

describe("the check of imports", () => {
  it.each([
    ["history/biz/rule.ts", `import { x } from "../data/store.ts";`, "biz/ may not import data/"],
    ["history/biz/rule.ts", `import type { X } from "../service/http.ts";`, "biz/ may not import service/"],
    ["history/biz/rule.ts", `import { Hono } from "hono";`, "biz/ may not use that package"],
    ["history/biz/rule.ts", `export { sql } from "drizzle-orm";`, "biz/ may not use that package"],
    [
      "history/biz/rule.ts",
      `const m = await import("../../platform/logger.ts");`,
      "biz/ may not import platform",
    ],
    ["history/data/store.ts", `export * from "../service/http.ts";`, "data/ may not import service/"],
    ["history/service/rpc.ts", `import "../data/store.ts";`, "service/ may not import data/"],
    [
      "history/service/rpc.ts",
      `import { drizzle } from "drizzle-orm/d1";`,
      "service/ may not use that package",
    ],
    [
      "history/wire.ts",
      `import { key } from "../identity/config.ts";`,
      "worker rooms meet only in contracts",
    ],
    ["bff/app/wire.ts", `import { routes } from "../ops/routes.ts";`, "worker rooms meet only in contracts"],
    [
      "contracts/errors.ts",
      `import { encode } from "../protocol/protobuf.ts";`,
      "contracts may import only types of protocol",
    ],
    ["contracts/errors.ts", `import { Hono } from "hono";`, "contracts may not use that package"],
    [
      "platform/call/rpc.ts",
      `import { wire } from "../../gateway/wire.ts";`,
      "worker rooms meet only in contracts",
    ],
    [
      "resilience/clock.ts",
      `import type { Role } from "../contracts/permissions.ts";`,
      "resilience may not import contracts",
    ],
    ["protocol/protobuf.ts", `import { Buffer } from "node:buffer";`, "protocol may not use that package"],
    ["gateway/app.ts", `import { it } from "../../test/support/x.ts";`, "it lies outside src/"],
    ["history/misc/thing.ts", `import "../biz/shard.ts";`, "no room of ARCHITECTURE.md"],
  ])("sees in %s that %s is wrong", (path, source, reason) => {
    expect(importViolations(path, source, rooms)).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    [
      "history/biz/rule.ts",
      `import { CodedError } from "../../contracts/errors.ts"; import { x } from "./ports.ts";`,
    ],
    [
      "history/data/store.ts",
      `import { encode } from "../../protocol/protobuf.ts"; import type { Port } from "../biz/ports.ts";`,
    ],
    [
      "contracts/errors.ts",
      `import type { Frame } from "../protocol/protobuf.ts"; import * as z from "zod";`,
    ],
    ["bff/app/wire.ts", `import { rpc } from "../../platform/rpc.ts"; import { Hono } from "hono";`],
  ])("lets %s have %s", (path, source) => {
    expect(importViolations(path, source, rooms)).toEqual([]);
  });

  it("refuses a load whose module can't be known", () => {
    expect(() => importViolations("history/biz/rule.ts", "await import(name);", rooms)).toThrow("computed");
  });
});

describe("the check of circles", () => {
  const circlesOf = (sources: Readonly<Record<string, string>>) =>
    importCircles(
      new Map(Object.entries(sources).map(([path, source]) => [path, ownImportsOf(path, source)])),
    );

  it("sees one of types alone, through however many files", () => {
    expect(
      circlesOf({
        "src/door.ts": `import { wall } from "./room/wall.ts";`,
        "src/room/wall.ts": `import type { Roof } from "../roof.ts";`,
        "src/roof.ts": `export type { Wall } from "./room/wall.ts";`,
      }),
    ).toEqual([["src/room/wall.ts", "src/roof.ts", "src/room/wall.ts"]]);
  });

  it("sees a file that imports itself", () => {
    expect(circlesOf({ "src/me.ts": `import "./me.ts";` })).toEqual([["src/me.ts", "src/me.ts"]]);
  });

  it("has nothing against two ways to the same file", () => {
    expect(
      circlesOf({
        "src/top.ts": `import "./left.ts"; import "./right.ts";`,
        "src/left.ts": `import "./ground.ts";`,
        "src/right.ts": `import "./ground.ts"; import "node:fs";`,
        "src/ground.ts": "",
      }),
    ).toEqual([]);
  });
});

describe("the check of env", () => {
  it.each([
    "env.DB",
    `this.env["DB"]`,
    "const { DB } = env",
    "({ DB } = this.env)",
    "c.env.DB",
    `import { env } from "cloudflare:workers"`,
  ])("sees %s", (source) => {
    expect(envReads("x.ts", source)).toHaveLength(1);
  });

  it.each([
    "wire(env)",
    "c.env.scope",
    "wire(this.env).sweep()",
    "const environment = { DB: 1 }; environment.DB",
  ])("has nothing against %s", (source) => {
    expect(envReads("x.ts", source)).toEqual([]);
  });
});
