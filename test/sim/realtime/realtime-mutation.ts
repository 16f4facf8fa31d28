import type { ListenerStore, TellComet } from "../../../src/history/biz/ports.ts";
import type { HistoryPort } from "../../../src/realtime/biz/ports.ts";

/** One guard of realtime, broken on purpose. Everything absent is as it should be. */
export interface RealtimeMutation {
  readonly name: string;
  readonly listeners?: (store: ListenerStore) => ListenerStore;
  readonly tell?: (tell: TellComet) => TellComet;
  readonly history?: (history: HistoryPort) => HistoryPort;
  /** Whether what leaves an object waits for what was written before it: the platform's promise. */
  readonly hasOutputGate?: boolean;
  /** Changes classes for the time of one run; the answer puts them back. */
  readonly patch?: () => () => void;
}

export const HEALTHY: RealtimeMutation = { name: "nothing" };
