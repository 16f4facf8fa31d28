import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";

/** `npm start` as a process of the test's own. */
export interface LaunchedScript {
  readonly process: ChildProcess;
  /** Everything written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /**
   * Resolves with the URL of the ready line; rejects, with what was written, if the process ends
   * before.
   */
  readonly ready: Promise<string>;
}

const READY_LINE = /^ready (http:\/\/localhost:\d+)$/m;

/** Several tests at once would want the port for TCP that a start has by default. */
const NO_TCP = ["--tcp-port", "0"];

/**
 * Runs `scripts/start.ts` with the given arguments. Of the operator's login only what is given is
 * in its environment.
 */
export function launchScript(
  args: readonly string[],
  login: Readonly<Record<string, string>> = {},
): LaunchedScript {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ADMIN_"));
  const env = { ...Object.fromEntries(inherited), ...login } as NodeJS.ProcessEnv;
  const where = args.includes("--tcp-port") ? [] : NO_TCP;
  const child = spawn(process.execPath, ["scripts/start.ts", ...where, ...args], {
    cwd: PROJECT_ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const ended = once(child, "close").then(
    ([code, signal]: (number | NodeJS.Signals | null)[]) => code ?? signal ?? null,
  );
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const url = READY_LINE.exec(stdout)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    void ended.then((code) =>
      reject(new Error(`ended with ${code} before it was ready\n${stdout}\n${stderr}`)),
    );
  });
  // A test that expects the end never looks at this one.
  ready.catch(() => undefined);
  return { process: child, stdout: () => stdout, stderr: () => stderr, ended, ready };
}

/** The scripts that one test has launched, to be ended after it. */
export class LaunchedScripts {
  readonly #running: LaunchedScript[] = [];

  start(args: readonly string[], login: Readonly<Record<string, string>> = {}): LaunchedScript {
    const script = launchScript(args, login);
    this.#running.push(script);
    return script;
  }

  async end(): Promise<void> {
    for (const { process: child, ended } of this.#running.splice(0)) {
      child.kill("SIGTERM");
      await ended;
    }
  }
}

/** A port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Process id of the runtime (workerd) that a launcher, or whoever else started a platform, runs.
 */
export function runtimeOf(script: { readonly process: { readonly pid?: number | undefined } }): number {
  const children = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(script.process.pid)], {
    encoding: "utf8",
  });
  return Number(/^\s*(\d+) .*workerd serve/m.exec(children)?.[1]);
}
