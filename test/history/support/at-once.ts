import type { MaybeLater } from "../../../src/history/biz/ports.ts";

/** What a shard with a store of its own answers: nobody outside has to be waited for. */
export function atOnce<T>(answer: MaybeLater<T>): T {
  if (answer instanceof Promise) throw new Error("a shard's own store answers in the same turn");
  return answer;
}
