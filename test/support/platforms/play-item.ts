import type { ApiClient } from "../../../testbed/clients/api-client.ts";

interface Played {
  /** Positions that were acknowledged, by item: it begins behind that, and notes each there. */
  readonly acked: Map<string, number>;
  /** So many heartbeats, if none fails; without end if absent. */
  readonly beats?: number;
  readonly onAcked?: () => void;
}

/** Plays one item with a heartbeat after the other until one fails. */
export async function playItem(
  api: ApiClient,
  token: string,
  itemId: string,
  { acked, beats = Number.POSITIVE_INFINITY, onAcked }: Played,
): Promise<void> {
  for (let beat = 0; beat < beats; beat += 1) {
    const positionMs = (acked.get(itemId) ?? 0) + 1;
    try {
      const { status } = await api.call("POST", "/v1/history/reports", {
        token,
        body: { reports: [{ kind: "video", itemId, positionMs }] },
      });
      if (status !== 200) return;
    } catch {
      return;
    }
    acked.set(itemId, positionMs);
    onAcked?.();
  }
}
