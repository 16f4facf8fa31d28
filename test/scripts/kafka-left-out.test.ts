import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startKafka } from "../../scripts/runtime/kafka.ts";

const JAVA_17 = `echo 'openjdk version "17.0.19" 2026-10-20' >&2`;

let folder: string;
let told: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "playhead-kafka-left-out-"));
  told = [];
  mkdirSync(join(folder, "bin"));
  // Whatever this machine has, the tests have what they put there.
  vi.stubEnv("PATH", join(folder, "bin"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

function install(program: string, does: string): void {
  const path = join(folder, "bin", program);
  writeFileSync(path, `#!/bin/sh\n${does}\n`);
  chmodSync(path, 0o755);
}

const start = ({
  signal = new AbortController().signal,
  jarsFolder = join(folder, "jars"),
}: {
  readonly signal?: AbortSignal;
  readonly jarsFolder?: string;
} = {}) =>
  startKafka(join(folder, "state"), new Set(["UPSTASH_KAFKA_REST_URL"]), {
    say: (text) => void told.push(text),
    complain: (text) => void told.push(`! ${text}`),
    onDeath: () => undefined,
    signal,
    jarsFolder,
  });

describe("a start with --kafka", () => {
  it.each([
    {
      what: "mvn fails and says why",
      mvn: `[ "$1" = --version ] || { echo '[INFO] so far'; echo '[ERROR] no route to host'; exit 1; }`,
      lines: [
        "bringing Kafka's jars by mvn, once …",
        "! --kafka: left out, mvn did not bring Kafka's jars: [ERROR] no route to host",
      ],
    },
    {
      what: "mvn fails without a word",
      mvn: `[ "$1" = --version ] || exit 1`,
      lines: [
        "bringing Kafka's jars by mvn, once …",
        "! --kafka: left out, mvn did not bring Kafka's jars: it ended with 1",
      ],
    },
    {
      what: "mvn is killed",
      mvn: `[ "$1" = --version ] || kill -9 $$`,
      lines: [
        "bringing Kafka's jars by mvn, once …",
        "! --kafka: left out, mvn did not bring Kafka's jars: it ended with SIGKILL",
      ],
    },
    {
      what: "mvn can't even tell its version",
      mvn: "echo 'JAVA_HOME is not right,' >&2; echo 'and is needed' >&2; exit 1",
      lines: ["! --kafka: left out, mvn fails: JAVA_HOME is not right, and is needed"],
    },
    {
      what: "mvn fails at everything without a word",
      mvn: "exit 1",
      lines: ["! --kafka: left out, mvn fails: it ended with 1"],
    },
    {
      what: "mvn is missing",
      mvn: null,
      lines: [
        "! --kafka: left out, mvn isn't installed (Debian: apt-get install openjdk-17-jre-headless maven)",
      ],
    },
  ])("goes on without it where $what, and says so", async ({ mvn, lines }) => {
    install("java", JAVA_17);
    if (mvn !== null) install("mvn", mvn);
    const { vars, secrets, stop } = await start();
    expect([vars, secrets, told]).toEqual([{}, {}, lines]);
    await stop();
    // Nothing half done is taken for a broker's jars next time.
    expect(readdirSync(folder)).toEqual(["bin"]);
  });

  it("goes on without it where no folder for its jars can be made", async () => {
    install("java", JAVA_17);
    install("mvn", "exit 0");
    const { vars } = await start({ jarsFolder: join(folder, "bin", "java", "jars") });
    expect(vars).toEqual({});
    expect(told.at(-1)).toMatch(/^! --kafka: left out, Kafka's jars could not be kept: ENOTDIR/);
  });

  it("ends where it is told to while mvn is at work", async () => {
    install("java", JAVA_17);
    install("mvn", `[ "$1" = --version ] || exec /bin/sleep 60`);
    const stopping = new AbortController();
    const started = start({ signal: stopping.signal });
    stopping.abort(new Error("told to stop"));
    await expect(started).rejects.toThrow("told to stop");
    expect(told).toEqual(["bringing Kafka's jars by mvn, once …"]);
  });
});
