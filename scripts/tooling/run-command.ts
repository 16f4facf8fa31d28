import { spawn } from "node:child_process";
import { PROJECT_ROOT } from "../runtime/project-root.ts";

/** How a command ended, with everything it wrote, in the order it wrote it. */
export interface CommandResult {
  readonly ok: boolean;
  readonly output: string;
  readonly tookMs: number;
}

interface RunCommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Lets the command write to the terminal itself; `output` is then empty. */
  readonly passThrough?: boolean;
}

/**
 * Runs a program in the project's folder, found in `node_modules/.bin` first. A failing program is
 * a value; one that can't start throws.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: RunCommandOptions = {},
): Promise<CommandResult> {
  const { env = process.env, signal, passThrough = false } = options;
  const startedMs = performance.now();
  const child = spawn(program, args, {
    cwd: PROJECT_ROOT,
    env: { ...env, PATH: `${PROJECT_ROOT}node_modules/.bin:${env["PATH"] ?? ""}` },
    stdio: passThrough ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    ...(signal === undefined ? {} : { signal }),
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { ok: code === 0, output, tookMs: performance.now() - startedMs };
}
