import { cpSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import type { TestProject } from "vitest/node";
import { databasesOf, migrateLocally } from "../../../scripts/runtime/migrate.ts";
import { readWorkerConfigs } from "../../../scripts/runtime/worker-configs.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A state folder of which nobody has made anything but its databases. */
    readonly migratedState: string;
  }
}

/**
 * Before the files of e2e: migrates one state folder as `npm start` does; every file that needs a
 * fresh folder takes a copy of it, which is faster. The second project of e2e finds the first
 * one's, migrated already.
 */
export default async function setup(project: TestProject): Promise<() => void> {
  const state = join(tmpdir(), `playhead-migrated-${process.pid}`);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const remove = (): void => rmSync(state, { recursive: true, force: true });
  try {
    await migrateLocally(databasesOf(readWorkerConfigs()), state);
  } catch (error) {
    remove();
    throw error;
  }
  project.provide("migratedState", state);
  return remove;
}

/** Makes `state` a folder of migrated, empty databases: a start finds nothing to apply. */
export function copyMigratedState(state: string): void {
  cpSync(inject("migratedState"), state, { recursive: true });
}
