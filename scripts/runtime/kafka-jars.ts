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

/** What is missing for a broker, for the user to read; null if nothing is. */
export function missingForKafka(): string | null {
  const java = spawnSync("java", ["-version"], { encoding: "utf8" });
  const version = Number(/version "(?:1\.)?(\d+)/.exec(java.stderr ?? "")?.[1] ?? 0);
  if (java.status !== 0) return `java isn't installed (${INSTALL_HINT})`;
  if (version < JAVA_MIN) return `java is ${version}, and Kafka needs ${JAVA_MIN} (${INSTALL_HINT})`;
  if (existsSync(folderOfJars())) return null;
  if (spawnSync("mvn", ["--version"], { stdio: "ignore" }).status !== 0)
    return `mvn isn't installed (${INSTALL_HINT})`;
  return null;
}

/**
 * The folder of a broker's jars, as the pom has them: brought once by mvn, 43 MB. Throws
 * {@link LaunchError}.
 */
export async function kafkaJars(say: (text: string) => void, signal?: AbortSignal): Promise<string> {
  const folder = folderOfJars();
  if (existsSync(folder)) return folder;
  say("bringing Kafka's jars by mvn, once …");
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    await runMaven(partial, signal);
    // Whole or not at all, though two starts bring them at once.
    if (!existsSync(folder)) renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/** Another for each pom, and outside of state folders: forgetting a state needs no new ones. */
function folderOfJars(): string {
  const hash = createHash("sha256").update(readFileSync(POM)).digest("hex").slice(0, 12);
  return join(PROJECT_ROOT, ".wrangler", `kafka-jars-${hash}`);
}

async function runMaven(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const args = ["-q", "-B", "-f", POM, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`];
  const child = spawn("mvn", args, { stdio: ["ignore", "pipe", "pipe"], ...(signal && { signal }) });
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-SAID_LENGTH_MAX)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new LaunchError("mvn could not be run", { cause });
  });
  signal?.throwIfAborted();
  if (code !== 0) {
    const reason = said.split("\n").find((line) => line.startsWith("[ERROR]")) ?? said.trim();
    throw new LaunchError(`mvn did not bring Kafka's jars: ${reason}`);
  }
}
