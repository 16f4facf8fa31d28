/* Measures CPU time in a process of its own: what it sends would disturb whoever else is busy. */
import { measureCpu } from "./cpu-of-requests.ts";

process.send?.(await measureCpu(Number(process.argv[2])), () => process.exit(0));
