import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { bringAfterCap, bringAgain, isDeadLetterQueue } from "../../src/platform/queue-messages.ts";

it("knows every dead-letter queue that a worker has, and takes no other queue for one", () => {
  const tomls = globSync("src/**/wrangler.toml", { cwd: PROJECT_ROOT }).map((path) =>
    readFileSync(PROJECT_ROOT + path, "utf8"),
  );
  const named = (pattern: RegExp): string[] =>
    tomls.flatMap((toml) => Array.from(toml.matchAll(pattern), ([, name = ""]) => name));
  const dead = new Set(named(/^dead_letter_queue = "(.+)"$/gm));
  const others = named(/^queue = "(.+)"$/gm).filter((name) => !dead.has(name));
  expect([dead.size, others.length > 0]).toEqual([3, true]);
  expect([...dead].filter((name) => !isDeadLetterQueue(name))).toEqual([]);
  expect(others.filter(isDeadLetterQueue)).toEqual([]);
});

it("brings a message again ever later, up to a bound", () => {
  const delays = [1, 2, 5, 6, 100].map((attempts) => {
    let delayS = 0;
    bringAgain({ attempts, retry: ({ delaySeconds = 0 } = {}) => void (delayS = delaySeconds) }, 60);
    return delayS;
  });
  expect(delays).toEqual([2, 4, 32, 60, 60]);
});

it("brings a message that met the spending cap after five minutes, then so seldom that few retries last for days", () => {
  const delays = [1, 2, 3, 4, 5, 10].map((attempts) => {
    let delayS = 0;
    bringAfterCap({ attempts, retry: ({ delaySeconds = 0 } = {}) => void (delayS = delaySeconds) });
    return delayS;
  });
  expect(delays).toEqual([300, 1_200, 4_800, 19_200, 43_200, 43_200]);
});
