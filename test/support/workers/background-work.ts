/** How much of what was handed to `waitUntil` has not ended. */
export const backgroundWork = {
  pending: 0,
};

export function addWork(work: Promise<unknown>): void {
  backgroundWork.pending += 1;
  const end = (): void => void (backgroundWork.pending -= 1);
  work.then(end, end);
}
