import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LaunchError } from "./launch-error.ts";
import { PROJECT_ROOT } from "./project-root.ts";

const POM = join(PROJECT_ROOT, "scripts/runtime/kafka-broker/pom.xml");
const JAVA_MIN = 17;
const SAID_LENGTH_MAX = 2_000;
const INSTALL_HINT = "Debian: apt-get install openjdk-17-jre-headless maven";

/** Another for each pom, and outside of state folders: forgetting a state needs no new ones. */
export const JARS_FOLDER = join(
  PROJECT_ROOT,
  ".wrangler",
  `kafka-jars-${createHash("sha256").update(readFileSync(POM)).digest("hex").slice(0, 12)}`,
);

/** What is missing for a broker, for the user to read; null if nothing is. */
export function missingForKafka(folder: string = JARS_FOLDER): string | null {
  const java = spawnSync("java", ["-version"], { encoding: "utf8" });
  const version = Number(/version "(?:1\.)?(\d+)/.exec(java.stderr ?? "")?.[1] ?? 0);
  if (java.status !== 0) return `java isn't installed (${INSTALL_HINT})`;
  if (version < JAVA_MIN) return `java is ${version}, and Kafka needs ${JAVA_MIN} (${INSTALL_HINT})`;
  if (existsSync(folder)) return null;
  const { error, status, signal, stdout, stderr } = spawnSync("mvn", ["--version"], { encoding: "utf8" });
  if (error !== undefined) return `mvn isn't installed (${INSTALL_HINT})`;
  return status === 0 ? null : `mvn fails: ${reasonIn(stderr + stdout, status ?? signal)}`;
}

interface JarsDeps {
  readonly signal?: AbortSignal;
  readonly folder?: string;
}

/**
 * The folder of a broker's jars, as the pom has them: brought once by mvn, 43 MB. Throws
 * {@link LaunchError}.
 */
export async function kafkaJars(
  say: (text: string) => void,
  { signal, folder = JARS_FOLDER }: JarsDeps = {},
): Promise<string> {
  if (existsSync(folder)) return folder;
  say("bringing Kafka's jars by mvn, once …");
  const partial = `${folder}.${process.pid}`;
  keeping(() => mkdirSync(partial, { recursive: true }));
  try {
    await runMaven(partial, signal);
    keeping(() => renameUnlessThere(partial, folder));
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/** Whole or not at all, though two starts bring it at once: whichever is first. */
function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

function keeping(step: () => void): void {
  try {
    step();
  } catch (cause) {
    throw new LaunchError(`Kafka's jars could not be kept: ${(cause as Error).message}`, { cause });
  }
}

async function runMaven(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const args = ["-q", "-B", "-f", POM, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`];
  const child = spawn("mvn", args, { stdio: ["ignore", "pipe", "pipe"], ...(signal && { signal }) });
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-SAID_LENGTH_MAX)));
  const how = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once("close", (code, by) => resolve(code ?? by));
    child.once("error", reject);
  }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new LaunchError("mvn could not be run", { cause });
  });
  signal?.throwIfAborted();
  if (how !== 0) throw new LaunchError(`mvn did not bring Kafka's jars: ${reasonIn(said, how)}`);
}

/** What mvn said before it ended, in one line, or else how it did. */
function reasonIn(said: string, how: number | NodeJS.Signals | null): string {
  const lines = said.trim().split(/\s*\n\s*/);
  const reason = lines.find((line) => line.startsWith("[ERROR]")) ?? lines.join(" ");
  return reason === "" ? `it ended with ${how}` : reason;
}
