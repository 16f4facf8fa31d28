import { existsSync } from "node:fs";
import type { Plugin } from "esbuild";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

/**
 * What can be left out of the product, by the modules that stand in for it. Production code knows
 * nothing of it: the bundler puts another file in the place of one.
 */
const REPLACEMENTS = {
  "client limits": { "src/gateway/client-limits.ts": "no-client-limits.ts" },
  "overload protection": { "src/gateway/upstream-guards.ts": "no-overload-protection.ts" },
  "guards, all": { "src/platform/guard/guard.ts": "no-guard.ts" },
  "time limits": { "src/platform/guard/call-timer.ts": "no-call-timer.ts" },
  authentication: { "src/platform/trust/authenticate.ts": "no-authentication.ts" },
  "password hashing": {
    "src/identity/data/scrypt-hasher.ts": "no-password-cost.ts",
    "src/identity/biz/paced-hasher.ts": "no-password-pace.ts",
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type Part = keyof typeof REPLACEMENTS;
/** Those that a request passes, so that they can be weighed by leaving them out. */
export const PARTS = (Object.keys(REPLACEMENTS) as readonly Part[]).filter(
  (part) => part !== "password hashing",
);

/** Bundles without the given parts. */
export function replaceModules(parts: readonly Part[]): Plugin {
  const replaced = new Map<string, string>();
  for (const part of parts) {
    for (const [file, by] of Object.entries(REPLACEMENTS[part])) {
      // Nobody imports a module that was moved: the part would be measured and called left out.
      if (!existsSync(PROJECT_ROOT + file)) throw new Error(`${part} can't be left out: there is no ${file}`);
      replaced.set(PROJECT_ROOT + file, `${PROJECT_ROOT}bench/workers/without/${by}`);
    }
  }
  return {
    name: "replace-modules",
    setup(build) {
      build.onResolve({ filter: /\.ts$/ }, ({ path, resolveDir, importer }) => {
        if (importer.includes("/bench/workers/without/")) return null;
        const by = replaced.get(new URL(path, `file://${resolveDir}/`).pathname);
        return by === undefined ? null : { path: by };
      });
    },
  };
}
