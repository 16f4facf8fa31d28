import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatWeight, weighBundle } from "../../scripts/tooling/bundle-budget.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-weigh-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the budget of a bundle", () => {
  it("is refused for a folder without one", () => {
    expect(() => weighBundle("playhead-gateway", folder)).toThrow("holds no bundle");
  });

  it("counts what is uploaded, gzipped, and not its source map", () => {
    writeFileSync(join(folder, "worker.js"), "x".repeat(500_000));
    writeFileSync(join(folder, "worker.js.map"), randomBytes(200_000));
    expect(weighBundle("playhead-gateway", folder)).toMatchObject({
      withinBudget: true,
      budgetBytes: 60 * 1024,
    });
  });

  it("is smaller for the gateway than for the workers behind it", () => {
    writeFileSync(join(folder, "worker.js"), randomBytes(70 * 1024));
    expect(weighBundle("playhead-gateway", folder).withinBudget).toBe(false);
    expect(weighBundle("playhead-history", folder).withinBudget).toBe(true);
    expect(formatWeight(weighBundle("playhead-gateway", folder))).toContain("TOO LARGE");
  });
});
