/* Measures CPU time in a process of its own, as bench/support/cost/cpu-process.ts does. */
import { viewingTrace } from "../../../testbed/viewing/viewing-trace.ts";
import { answering } from "../cost/child-process.ts";
import { measureCpuOfTrace } from "./cpu-of-trace.ts";
import { traceOf } from "./trace.ts";

answering((viewers: number) => measureCpuOfTrace(viewingTrace(traceOf(viewers))));
