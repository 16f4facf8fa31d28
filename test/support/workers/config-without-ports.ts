import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const PORTS = /^\[\[connect\]\]\n(?:.+\n)*/gm;
const MAIN = /^main = "(.+)"$/m;

/**
 * The config at `path` without the TCP ports that it listens at, which two runs at once would both
 * want, and which the test plugin can't be told to leave out.
 */
export function configWithoutPorts(root: string, path: string): string {
  const config = readFileSync(path, "utf8");
  if (!PORTS.test(config) || !MAIN.test(config)) throw new Error(`${path} is not as it was`);
  const folder = join(root, ".wrangler", "test");
  mkdirSync(folder, { recursive: true });
  const copy = join(folder, "realtime.toml");
  const absolute = (_: string, main: string) => `main = "${resolve(dirname(path), main)}"`;
  writeFileSync(copy, config.replaceAll(PORTS, "").replace(MAIN, absolute));
  return copy;
}
