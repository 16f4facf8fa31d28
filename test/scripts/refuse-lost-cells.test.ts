import { describe, expect, it } from "vitest";
import { readWorkerConfigs, type WorkerConfig } from "../../scripts/runtime/worker-configs.ts";
import { refuseLostCells } from "../../scripts/tooling/refuse-lost-cells.ts";

/** As `wrangler d1 execute --json` writes it. */
const saying = (...names: readonly string[]): string =>
  `${JSON.stringify([{ results: names.map((name) => ({ name })), success: true, meta: { duration: 0 } }], null, 2)}\n`;

const withCells = (cells: string): readonly WorkerConfig[] =>
  readWorkerConfigs().map((worker) =>
    worker.name === "playhead-identity"
      ? { ...worker, config: { ...worker.config, vars: { ...worker.config.vars, CELLS: cells } } }
      : worker,
  );

function deploy(cells: string, output: string, ok = true) {
  const asked: (readonly string[])[] = [];
  const outcome = refuseLostCells(withCells(cells), ["--remote"], async (args) => {
    asked.push(args);
    return { ok, output, tookMs: 1 };
  });
  return { outcome, asked };
}

describe("npm run deploy", () => {
  it("asks the deployed database which cells have users, by its config", async () => {
    const { outcome, asked } = deploy("main", saying());
    await outcome;
    expect(asked).toEqual([
      [
        "d1",
        "execute",
        "playhead-identity",
        "--remote",
        "--json",
        "--command",
        "SELECT name FROM cell ORDER BY name",
        "-c",
        "src/identity/wrangler.toml",
      ],
    ]);
  });

  it("goes on where all of them are in CELLS, and nowhere else", async () => {
    await expect(deploy("main,us:enam,jp", saying("jp", "us")).outcome).resolves.toBeUndefined();
    await expect(
      deploy("main,us", `a [33mwarning\n${saying("jp", "us")}another\n`).outcome,
    ).rejects.toMatchObject({
      message: expect.stringMatching(
        /^src\/identity\/wrangler\.toml: .*CELLS: lacks the cell jp, which has users/,
      ),
      exitCode: 2,
    });
  });

  it("goes no further where the answer can't be had", async () => {
    await expect(deploy("main", "no such table: cell", false).outcome).rejects.toThrow(
      "playhead-identity doesn't say which cells have users: no such table: cell",
    );
    for (const odd of ["", "[]", '[\n{"results":[{"n":1}]}\n]'])
      await expect(deploy("main", odd).outcome).rejects.toThrow(/doesn't say which cells have users/);
  });
});
