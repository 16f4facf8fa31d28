/* Measures CPU time in a process of its own, as bench/support/cost/cpu-process.ts does. */
import { viewingTrace } from "../../../testbed/viewing/viewing-trace.ts";
import { measureCpuOfTrace } from "./cpu-of-trace.ts";
import { traceOf } from "./trace.ts";

const measured = await measureCpuOfTrace(viewingTrace(traceOf(Number(process.argv[2]))));
process.send?.(measured, () => process.exit(0));
