import { HistoryShard as RealShard } from "../../src/history/worker.ts";
import { countMethods } from "./method-counts.ts";

export * from "../../src/history/worker.ts";
export { default } from "../../src/history/worker.ts";
export { Counts } from "./method-counts.ts";

export class HistoryShard extends RealShard {}
countMethods("HistoryShard", HistoryShard);
