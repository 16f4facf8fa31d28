import { TaskGroup } from "../src/resilience/task-group.ts";
import { runCommand, type CommandResult } from "./tooling/run-command.ts";

/*
 * npm run check: everything that can be known without running the product. All steps run, so that
 * one look shows all that is wrong.
 */

interface Step {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

/** Two cores: each step keeps about one of them busy. */
const CONCURRENCY_MAX = 2;

const tsc = (project: string): Step => ({
  name: `types of ${project}`,
  program: "tsc",
  args: ["-p", project],
});

const STEPS: readonly Step[] = [
  { name: "bindings are declared", program: "node", args: ["scripts/types.ts", "--check"] },
  { name: "bundles and budgets", program: "node", args: ["scripts/deploy.ts", "--dry-run"] },
  ...[
    "src",
    "scripts",
    "test",
    "bench",
    "bench/workers",
    "testbed",
    "testbed/workers",
    "examples",
    "bridge",
    "clients",
  ].map(tsc),
  { name: "lint", program: "oxlint", args: ["--deny-warnings"] },
  { name: "format", program: "oxfmt", args: ["--check"] },
  { name: "nothing unused", program: "knip", args: ["--no-progress"] },
];

const results = new Map<Step, CommandResult>();
const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
for (const step of STEPS)
  group.go(async (signal) => void results.set(step, await runCommand(step.program, step.args, { signal })));
await group.wait();

const failed = STEPS.filter((step) => results.get(step)?.ok !== true);
for (const step of failed)
  process.stdout.write(`\n--- ${step.name}\n${results.get(step)?.output.trim() ?? ""}\n`);
process.stdout.write("\n");
for (const step of STEPS) {
  const seconds = ((results.get(step)?.tookMs ?? 0) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${failed.includes(step) ? "FAIL" : "ok  "} ${seconds} s  ${step.name}\n`);
}
process.stdout.write(
  failed.length === 0 ? "check: all good\n" : `check: ${failed.length} of ${STEPS.length} failed\n`,
);
process.exit(failed.length === 0 ? 0 : 1);
