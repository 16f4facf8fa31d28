import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";

/** Ways to keep a history that run the same trace. */
export const CANDIDATES = ["shards", "writeThrough", "unguarded", "upstash"] as const;
export type CandidateName = (typeof CANDIDATES)[number];

const inWorkers = (file: string): string => `${PROJECT_ROOT}bench/workers/${file}.ts`;

export const CANDIDATE: Readonly<
  Record<CandidateName, { readonly name: string; readonly file: string | null }>
> = {
  shards: { name: "ours", file: null },
  writeThrough: { name: "D1 write-through", file: inWorkers("write-through-history") },
  unguarded: { name: "D1 without guard", file: inWorkers("unguarded-history") },
  upstash: { name: "Upstash + queue", file: inWorkers("upstash-history") },
};
