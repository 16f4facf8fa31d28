import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { until } from "../support/until.ts";

const FOLDER = "bridge/kafka-rest";
const read = (path: string): string => readFileSync(join(PROJECT_ROOT, path), "utf8");
const dockerfile = read(`${FOLDER}/Dockerfile`).replaceAll("\\\n", " ");
const all = (pattern: RegExp): readonly string[] =>
  Array.from(dockerfile.matchAll(pattern), ([, found = ""]) => found);
const commandOf = (pattern: RegExp): readonly string[] => JSON.parse(all(pattern)[0] ?? "[]") as string[];
const START = commandOf(/^CMD (\[.*\])$/gm);
const HEALTH = commandOf(/^HEALTHCHECK .* CMD (\[.*\])$/gm);
/** Without the target, which is last. */
const COPIED = all(/^COPY (?!--from)(.+) \S+$/gm).flatMap((sources) => sources.split(" "));

const well = createServer((_request, response) => void response.end("{}"));
const image = mkdtempSync(join(tmpdir(), "playhead-image-"));

beforeAll(() => {
  for (const path of COPIED) cpSync(join(PROJECT_ROOT, path), join(image, path), { recursive: true });
  // What npm ci --omit=dev leaves, and nothing else that lies in ours.
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
  };
  for (const [path, { dev = false }] of Object.entries(packages)) {
    const target = join(image, path);
    if (path === "" || dev || !existsSync(join(PROJECT_ROOT, path)) || path.includes("/node_modules/"))
      continue;
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(join(PROJECT_ROOT, path), target);
  }
});
afterAll(() => {
  well.close();
  rmSync(image, { recursive: true, force: true });
});

/** What the health check says of a front on that port. */
async function checked(port: string): Promise<unknown> {
  const args = HEALTH.slice(1).map((arg) => arg.replace(":8078/healthz", `:${port}/healthz`));
  const [code] = (await once(spawn(process.execPath, args), "exit")) as readonly unknown[];
  return code;
}

/** Of a front that is well. */
async function portOfWell(): Promise<string> {
  well.listen(0, "127.0.0.1");
  await once(well, "listening");
  return String((well.address() as AddressInfo).port);
}

describe("the Dockerfile of Kafka's front", () => {
  it("has a base of one version, the one that is tested, and a user of no rights", () => {
    const { devDependencies } = JSON.parse(read("package.json")) as { devDependencies: { node: string } };
    expect(new Set(all(/^FROM (\S+)/gm))).toEqual(new Set([`node:${devDependencies.node}-slim`]));
    expect(all(/^(USER|CMD) /gm)).toEqual(["USER", "CMD"]);
    expect(all(/^USER (\S+)$/gm)).toEqual(["node"]);
  });

  it("takes what is in the repository, and is sent nothing else", () => {
    const listed = spawnSync("git", ["ls-files", "--", ...COPIED], { cwd: PROJECT_ROOT, encoding: "utf8" });
    for (const path of COPIED) expect(listed.stdout).toContain(path);
    const ignored = read(`${FOLDER}/Dockerfile.dockerignore`).split("\n");
    expect(ignored[1]).toBe("*");
    expect(new Set(ignored.filter((line) => line.startsWith("!")))).toEqual(
      new Set(COPIED.map((path) => `!${path}`)),
    );
  });

  it("starts from exactly what it takes, tells its health, and stops when it is told to", async () => {
    const environment = { ...process.env, NODE_ENV: "production", NODE_OPTIONS: "--preserve-symlinks" };
    const [, ...args] = START;
    const child = spawn(process.execPath, [...args, "--port", "0"], {
      cwd: image,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...environment, KAFKA_BROKERS: "127.0.0.1:1", KAFKA_REST_PASSWORD: "0123456789-0123456789" },
    });
    let said = "";
    for (const output of [child.stdout, child.stderr])
      output.setEncoding("utf8").on("data", (text: string) => (said += text));
    const ended = once(child, "exit");
    try {
      await until("it is ready", () => said.includes("ready "), 20_000).catch((cause: unknown) => {
        throw new Error(said, { cause });
      });
      const [, port = ""] = /^ready http:\/\/0\.0\.0\.0:(\d+)$/m.exec(said) ?? [];
      expect([START[0], HEALTH[0], args.at(-1), HEALTH[2]?.includes(":8078/healthz")]).toEqual([
        "node",
        "node",
        "8078",
        true,
      ]);
      expect([await checked(port), await checked(await portOfWell())]).toEqual([1, 0]);
    } finally {
      child.kill("SIGTERM");
    }
    expect(await ended).toEqual([0, null]);
  });
});
