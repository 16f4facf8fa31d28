import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { kafkaJars } from "../../scripts/runtime/kafka-jars.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "playhead-jars-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

/** Stands in for mvn; `$out` is the folder that the jars are asked for in. */
function mvnDoes(commands: string): void {
  const file = join(home, "mvn");
  writeFileSync(
    file,
    `#!/bin/sh\nfor each in "$@"; do out="\${each#-DoutputDirectory=}"; done\n${commands}\n`,
  );
  chmodSync(file, 0o755);
  vi.stubEnv("PATH", `${home}:${process.env["PATH"] ?? ""}`);
}

describe("Kafka's jars", () => {
  it("are those of the start that was first, where two bring them at once", async () => {
    const folder = join(home, "jars");
    mvnDoes(`touch "$out/ours.jar"; mkdir '${folder}'; touch '${folder}/theirs.jar'`);
    expect(await kafkaJars(() => undefined, { folder })).toBe(folder);
    expect(readdirSync(folder)).toEqual(["theirs.jar"]);
    expect(readdirSync(home).toSorted()).toEqual(["jars", "mvn"]);
  });

  it("are there whole, or not at all", async () => {
    const folder = join(home, "jars");
    mvnDoes(`touch "$out/half.jar"; exit 1`);
    await expect(kafkaJars(() => undefined, { folder })).rejects.toThrow("did not bring Kafka's jars");
    expect(readdirSync(home)).toEqual(["mvn"]);
    mvnDoes(`touch "$out/ours.jar"`);
    await kafkaJars(() => undefined, { folder });
    expect(readdirSync(folder)).toEqual(["ours.jar"]);
  });
});
