/* Measures CPU time in a process of its own: what it sends would disturb whoever else is busy. */
import { answering } from "./child-process.ts";
import { measureCpu } from "./cpu-of-requests.ts";

answering(measureCpu);
